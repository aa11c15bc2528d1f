// Writes the sections of a bare message in the order AMQP fixes: header, message-annotations,
// properties, application-properties, data.
#include "worker/bridge/mapping.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace pgw::bridge {
namespace {

using amqp::section;
using amqp::writer;

/// A symbol of at most 255 characters in its encoding, made when compiling. [1.6.21]
template <const std::string_view& Text>
constexpr auto encoded_symbol = [] {
    std::array<std::uint8_t, Text.size() + 2> bytes{0xa3, static_cast<std::uint8_t>(Text.size())};
    for (std::size_t i = 0; i < Text.size(); ++i) {
        bytes[i + 2] = static_cast<std::uint8_t>(Text[i]);
    }
    return bytes;
}();

/// Application properties that brokers act on. A device's user property of such a name would, for
/// one, let it suppress other devices' messages through duplicate detection; it travels in the
/// annotation only.
bool is_reserved(std::string_view key) noexcept {
    return key.empty() || key.starts_with("_AMQ") || key.starts_with("x-opt-") ||
           key.starts_with("JMSX") || key.starts_with("x-");
}

bool is_ascii(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80;
    });
}

bool contains(std::span<const property> properties, std::string_view key) noexcept {
    return std::any_of(properties.begin(), properties.end(), [&](const property& p) {
        return p.key == key;
    });
}

/// Whether the map alone would lose something: an order, a duplicate or a name.
bool needs_annotation(const message& m, const envelope& e) noexcept {
    if (m.properties.size() > 1) return true;
    return m.properties.size() == 1 && (is_reserved(m.properties.front().key) ||
                                        contains(e.properties, m.properties.front().key));
}

std::uint32_t write_header(writer& out, const message& m) noexcept {
    const bool durable = m.assurance != assurance::at_most_once;
    if (!durable && !m.expiry_seconds) return 0;
    out.open_section(section::header);
    if (!m.expiry_seconds) {
        // list8 of one element: durable.
        out.fixed(std::array<std::uint8_t, 4>{0xc0, 2, 1, 0x41});
        return 0;
    }
    // list8: durable, priority (default), ttl.
    out.byte(0xc0);
    out.byte(1 + 1 + 1 + 5);
    out.byte(3);
    out.boolean(durable);
    out.null();
    const auto ttl_offset = static_cast<std::uint32_t>(out.size() + 1);
    out.uint_fixed(ttl_milliseconds(*m.expiry_seconds));
    return ttl_offset;
}

void write_annotations(
    writer& out, const message& m, const client_info& client, const envelope& e
) noexcept {
    out.open_section(section::message_annotations);
    const auto mark = out.open_map();
    std::uint32_t elements = 0;
    const auto text = [&](const auto& key, std::string_view value) {
        out.fixed(key);
        out.string(value);
        elements += 2;
    };
    const auto flag = [&](const auto& key) {
        out.fixed(key);
        out.boolean(true);
        elements += 2;
    };
    const auto number = [&](const auto& key, std::uint8_t value) {
        out.fixed(key);
        out.ubyte(value);
        elements += 2;
    };
    text(encoded_symbol<annotation::topic>, m.topic);
    number(encoded_symbol<annotation::qos>, static_cast<std::uint8_t>(m.assurance));
    text(encoded_symbol<annotation::client_id>, client.client_id);
    if (!client.identity.empty()) text(encoded_symbol<annotation::identity>, client.identity);
    if (!client.user_name.empty()) text(encoded_symbol<annotation::user_name>, client.user_name);
    if (m.retain) flag(encoded_symbol<annotation::retain>);
    if (m.duplicate) flag(encoded_symbol<annotation::duplicate>);
    if (m.format != payload_format::unspecified) {
        number(
            encoded_symbol<annotation::payload_format>, m.format == payload_format::utf8 ? 1 : 0
        );
    }
    if (m.content_type && !is_ascii(*m.content_type)) {
        text(encoded_symbol<annotation::content_type>, *m.content_type);
    }
    if (m.response_topic) text(encoded_symbol<annotation::response_topic>, *m.response_topic);
    if (needs_annotation(m, e)) {
        out.fixed(encoded_symbol<annotation::user_properties>);
        const auto list = out.open_list();
        for (const auto& p : m.properties) {
            out.string(p.key);
            out.string(p.value);
        }
        out.close(list, static_cast<std::uint32_t>(m.properties.size() * 2));
        elements += 2;
    }
    out.close(mark, elements);
}

void write_properties(writer& out, const message& m, const envelope& e) noexcept {
    out.open_section(section::properties);
    const auto mark = out.open_list();
    // message-id: a version 8 uuid of the incarnation and the count.
    const auto high = (e.key.incarnation & ~0xf000ull) | 0x8000ull;
    const auto low = (e.key.count & 0x3fffffffffffffffull) | 0x8000000000000000ull;
    out.byte(0x98);
    out.big_endian32(static_cast<std::uint32_t>(high >> 32));
    out.big_endian32(static_cast<std::uint32_t>(high));
    out.big_endian32(static_cast<std::uint32_t>(low >> 32));
    out.big_endian32(static_cast<std::uint32_t>(low));
    out.null();  // user-id: never set, it would claim a verification that did not happen
    const auto optional_text = [&](std::string_view value) {
        if (value.empty()) {
            out.null();
        } else {
            out.string(value);
        }
    };
    optional_text(e.to);
    optional_text(e.subject);
    std::uint32_t elements = 4;
    const bool typed = m.content_type && is_ascii(*m.content_type);
    if (m.correlation_data || typed) {
        out.null();  // reply-to
        if (m.correlation_data) {
            out.binary(*m.correlation_data);
        } else {
            out.null();
        }
        elements += 2;
    }
    if (typed) {
        out.symbol(*m.content_type);
        ++elements;
    }
    out.close(mark, elements);
}

void write_application_properties(writer& out, const message& m, const envelope& e) noexcept {
    if (m.properties.empty() && e.properties.empty()) return;
    out.open_section(section::application_properties);
    const auto mark = out.open_map();
    std::uint32_t elements = 0;
    const auto pair = [&](const property& p) {
        out.string(p.key);
        out.string(p.value);
        elements += 2;
    };
    for (const auto& p : e.properties) pair(p);
    for (std::size_t i = 0; i < m.properties.size(); ++i) {
        const auto& p = m.properties[i];
        // A map holds a key once: the last value stands.
        if (is_reserved(p.key) || contains(e.properties, p.key) ||
            contains(m.properties.subspan(i + 1), p.key)) {
            continue;
        }
        pair(p);
    }
    out.close(mark, elements);
}

}  // namespace

std::uint32_t ttl_milliseconds(std::uint32_t expiry_seconds) noexcept {
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    // A ttl of 0 would say the opposite to brokers that know it as "never".
    if (expiry_seconds == 0) return 1;
    return expiry_seconds > most / 1000 ? most : expiry_seconds * 1000;
}

std::size_t encoded_bound(const message& m, const client_info& client, const envelope& e) noexcept {
    // 512 covers every constructor, section descriptor and annotation name; strings cost at most 5
    // bytes beyond their text. A device's property may stand in the map and in the annotation.
    std::size_t size = 512 + m.payload.size() + m.topic.size() + client.client_id.size() +
                       client.identity.size() + client.user_name.size() + e.to.size() +
                       e.subject.size();
    if (m.content_type) size += m.content_type->size();
    if (m.response_topic) size += m.response_topic->size();
    if (m.correlation_data) size += m.correlation_data->size();
    for (const auto& p : m.properties) size += 2 * (p.key.size() + p.value.size() + 10);
    for (const auto& p : e.properties) size += p.key.size() + p.value.size() + 10;
    return size;
}

encoded encode(
    std::span<std::byte> buffer, const message& m, const client_info& client, const envelope& e
) noexcept {
    writer out(buffer);
    encoded result;
    result.ttl_offset = write_header(out, m);
    write_annotations(out, m, client, e);
    write_properties(out, m, e);
    write_application_properties(out, m, e);
    out.open_section(section::data);
    out.binary(m.payload);
    result.size = out.size();
    return result;
}

}  // namespace pgw::bridge
