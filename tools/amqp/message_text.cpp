#include "tools/amqp/message_text.hpp"

#include "common/base/json_text.hpp"

#include <proton/annotation_key.hpp>
#include <proton/binary.hpp>
#include <proton/codec/decoder.hpp>
#include <proton/decimal.hpp>
#include <proton/duration.hpp>
#include <proton/message_id.hpp>
#include <proton/scalar.hpp>
#include <proton/symbol.hpp>
#include <proton/timestamp.hpp>
#include <proton/uuid.hpp>
#include <proton/value.hpp>

#include <cstdint>
#include <string_view>

namespace pgw::tools {

namespace {

constexpr int deepest = 32;

std::string quoted(std::string_view text) {
    std::string out;
    base::append_json_string(out, text);
    return out;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto length = base::utf8_sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto left = bytes.size() - i;
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            const auto digit = alphabet[group >> (18 - 6 * k) & 63];
            out.push_back(k <= left ? digit : '=');
        }
    }
    return out;
}

std::string text_of(const proton::binary& bytes) {
    return {bytes.begin(), bytes.end()};
}

std::string bytes_json(const std::string& bytes) {
    if (is_utf8(bytes)) return quoted(bytes);
    return "{\"base64\":" + quoted(base64(bytes)) + "}";
}

std::string value_json(proton::codec::decoder& in, int depth);

std::string container_json(proton::codec::decoder& in, int depth) {
    proton::codec::start start;
    in >> start;
    const bool map = start.type == proton::MAP;
    std::string out(map ? "{" : "[");
    for (std::size_t i = 0; in.more(); ++i) {
        if (i > 0) out += ",";
        auto text = value_json(in, depth + 1);
        if (map) {
            // JSON knows text keys only.
            if (!text.starts_with('"')) text = quoted(text);
            out += text + ":" + value_json(in, depth + 1);
        } else {
            out += text;
        }
    }
    in >> proton::codec::finish();
    return out + (map ? "}" : "]");
}

std::string value_json(proton::codec::decoder& in, int depth) {
    const auto type = in.next_type();
    if (proton::type_id_is_container(type) && type != proton::DESCRIBED) {
        if (depth < deepest) return container_json(in, depth);
    } else if (type == proton::BINARY) {
        proton::binary bytes;
        in >> bytes;
        return bytes_json(text_of(bytes));
    } else if (type == proton::STRING || type == proton::SYMBOL) {
        std::string text;
        if (type == proton::STRING) {
            in >> text;
        } else {
            proton::symbol symbol;
            in >> symbol;
            text = symbol;
        }
        return quoted(text);
    } else if (type == proton::NULL_TYPE) {
        proton::null null;
        in >> null;
        return "null";
    } else if (proton::type_id_is_integral(type) || type == proton::BOOLEAN) {
        proton::scalar scalar;
        in >> scalar;
        if (type == proton::CHAR || type == proton::TIMESTAMP) return quoted(to_string(scalar));
        if (proton::type_id_is_signed(type)) {
            return std::to_string(proton::coerce<std::int64_t>(scalar));
        }
        if (type == proton::BOOLEAN) return proton::get<bool>(scalar) ? "true" : "false";
        return std::to_string(proton::coerce<std::uint64_t>(scalar));
    }
    proton::value other;
    in >> other;
    return quoted(to_string(other));
}

/// An empty value is `empty`.
std::string value_json(const proton::value& value, const char* empty) {
    if (value.empty()) return empty;
    proton::codec::decoder in(value);
    return value_json(in, 0);
}

void add(std::string& out, std::string_view name, const std::string& json) {
    if (out.back() != '{') out += ",";
    out += quoted(name) + ":" + json;
}

void add_text(std::string& out, std::string_view name, const std::string& text) {
    if (!text.empty()) add(out, name, quoted(text));
}

void add_id(std::string& out, std::string_view name, const proton::message_id& id) {
    if (!id.empty()) add(out, name, value_json(proton::value(id), "null"));
}

std::string header_json(const proton::message& message) {
    std::string out = "{";
    add(out, "durable", message.durable() ? "true" : "false");
    add(out, "priority", std::to_string(message.priority()));
    if (message.ttl().milliseconds() > 0) {
        add(out, "ttl", std::to_string(message.ttl().milliseconds()));
    }
    add(out, "first_acquirer", message.first_acquirer() ? "true" : "false");
    add(out, "delivery_count", std::to_string(message.delivery_count()));
    return out + "}";
}

std::string properties_json(const proton::message& message) {
    std::string out = "{";
    add_id(out, "message_id", message.id());
    add_text(out, "user_id", message.user());
    add_text(out, "to", message.to());
    add_text(out, "subject", message.subject());
    add_text(out, "reply_to", message.reply_to());
    add_id(out, "correlation_id", message.correlation_id());
    add_text(out, "content_type", message.content_type());
    add_text(out, "content_encoding", message.content_encoding());
    if (message.expiry_time().milliseconds() != 0) {
        add(out, "absolute_expiry_time", std::to_string(message.expiry_time().milliseconds()));
    }
    if (message.creation_time().milliseconds() != 0) {
        add(out, "creation_time", std::to_string(message.creation_time().milliseconds()));
    }
    add_text(out, "group_id", message.group_id());
    if (message.group_sequence() != 0) {
        add(out, "group_sequence", std::to_string(message.group_sequence()));
    }
    add_text(out, "reply_to_group_id", message.reply_to_group_id());
    return out + "}";
}

std::string body_bytes(const proton::value& body) {
    return text_of(proton::get<proton::binary>(body));
}

}  // namespace

std::string to_json(proton::message& message) {
    std::string out = "{";
    add(out, "header", header_json(message));
    add(out, "delivery_annotations", value_json(message.delivery_annotations().value(), "{}"));
    add(out, "message_annotations", value_json(message.message_annotations().value(), "{}"));
    add(out, "properties", properties_json(message));
    add(out, "application_properties", value_json(message.properties().value(), "{}"));
    const auto& body = message.body();
    add(out, "body_section", quoted(message.inferred() ? "data" : "value"));
    if (!body.empty() && body.type() == proton::BINARY) {
        const auto bytes = body_bytes(body);
        const bool text = is_utf8(bytes);
        add(out, "body_encoding", quoted(text ? "text" : "base64"));
        add(out, "body", quoted(text ? bytes : base64(bytes)));
    } else {
        const bool text = !body.empty() && body.type() == proton::STRING;
        add(out, "body_encoding", quoted(text ? "text" : "json"));
        add(out, "body", value_json(body, "null"));
    }
    return out + "}";
}

std::string to_line(proton::message& message) {
    std::string out;
    if (!message.subject().empty()) out += "subject=" + message.subject() + " ";
    const auto properties = value_json(message.properties().value(), "");
    if (!properties.empty() && properties != "{}") out += "properties=" + properties + " ";
    const auto& body = message.body();
    if (!body.empty() && body.type() == proton::BINARY) {
        const auto bytes = body_bytes(body);
        out += "body=" + (is_utf8(bytes) ? quoted(bytes) : "base64:" + base64(bytes));
    } else {
        out += "body=" + value_json(body, "null");
    }
    return out;
}

}  // namespace pgw::tools
