#include "worker/amqp/frame_guard.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>

namespace pgw::amqp {

namespace {

constexpr std::size_t frame_header = 8;
// Of a transfer the performative only; 1 kB is many times what its fields can need. [2.7.5]
constexpr std::size_t transfer_head = frame_header + 1024;
constexpr std::size_t most_open_deliveries = 4096;
constexpr int deepest_value = 24;
// Proton keeps a hundred bytes and more for each value of an open or attach. Filters and properties
// of real peers have some dozens.
constexpr std::size_t most_values = 1024;
// Proton keeps the state of a disposition with each delivery it is for, tens of bytes for one of the
// wire; an error's condition, text and information are far smaller. [2.7.6]
constexpr std::size_t largest_disposition = 4096;
constexpr std::string_view miscounted = "performative with a wrong number of fields";

enum performative : std::uint64_t {
    open = 0x10,
    begin = 0x11,
    attach = 0x12,
    flow = 0x13,
    disposition = 0x15,
    transfer = 0x14,
    detach = 0x16,
    end = 0x17,
};

std::uint32_t big_endian(base::bytes_view bytes) noexcept {
    std::uint32_t value = 0;
    for (const auto b : bytes) value = value << 8 | std::to_integer<std::uint32_t>(b);
    return value;
}

bool is_protocol_header(base::bytes_view head) noexcept {
    return base::as_text(head.first(4)) == "AMQP";
}

// Proton takes a field of another type for one that is missing, and then goes by its default. To
// see the same, the fields that are looked at here have to be of the very type that is specified.

bool has_code(const value_reader& fields, std::initializer_list<std::uint8_t> codes) noexcept {
    return !fields.at_end() &&
           std::ranges::find(codes, std::to_integer<std::uint8_t>(fields.rest().front())) !=
               codes.end();
}

bool is_null(const value_reader& fields) noexcept {
    return fields.at_end() || has_code(fields, {0x40});
}

// [1.6.5]
std::optional<std::uint32_t> read_uint(value_reader& fields) noexcept {
    if (!has_code(fields, {0x43, 0x52, 0x70})) return std::nullopt;
    const auto value = fields.read_scalar();
    if (!value) return std::nullopt;
    return static_cast<std::uint32_t>(value->number);
}

// [1.6.2]; nullopt for another type, false for none.
std::optional<bool> read_flag(value_reader& fields) noexcept {
    if (is_null(fields)) {
        fields.skip();
        return false;
    }
    if (!has_code(fields, {0x41, 0x42, 0x56})) return std::nullopt;
    const auto value = fields.read_scalar();
    if (!value) return std::nullopt;
    return value->number != 0;
}

// A settle mode; none is one too. [2.8.2, 2.8.3]
bool mode_within(value_reader& fields, std::uint64_t last) noexcept {
    if (is_null(fields)) {
        fields.skip();
        return true;
    }
    if (!has_code(fields, {0x50})) return false;
    const auto mode = fields.read_scalar();
    return mode && mode->number <= last;
}

// A uint that is above what fits an int becomes the largest that does. Only its long form can be.
void clamp_uint(std::span<std::byte> frame, value_reader& fields) noexcept {
    constexpr std::uint32_t most = std::numeric_limits<std::int32_t>::max();
    if (!has_code(fields, {0x70})) {
        fields.skip();
        return;
    }
    const auto at = static_cast<std::size_t>(fields.rest().data() - frame.data());
    const auto value = read_uint(fields);
    if (!value || *value <= most) return;
    for (std::size_t i = 0; i < 4; ++i) {
        frame[at + 1 + i] = std::byte(most >> (24 - 8 * i) & 0xff);
    }
}

// next-incoming-id, incoming-window, next-outgoing-id, outgoing-window, handle, delivery-count,
// link-credit [2.7.4]. Who means "as many as you like" says so again long before two billion.
void clamp_credit(std::span<std::byte> frame, value_reader fields) noexcept {
    for (int i = 0; i < 6; ++i) fields.skip();
    clamp_uint(frame, fields);
}

bool counts_right(const compound& list) noexcept {
    value_reader items(list.body);
    for (std::uint32_t i = 0; i < list.count; ++i) {
        if (!items.skip()) return false;
    }
    return items.at_end();
}

}  // namespace

std::size_t frame_guard::needed(base::bytes_view head) const noexcept {
    if (head.size() < frame_header) return frame_header;
    if (is_protocol_header(head)) return frame_header;
    const std::size_t size = big_endian(head.first(4));
    if (size > max_frame_ || size < frame_header) return frame_header;
    const auto offset = std::to_integer<std::size_t>(head[4]) * 4;
    constexpr std::size_t descriptor = 10;
    if (head.size() < offset + descriptor) return std::min(size, offset + descriptor);
    value_reader reader(head.subspan(offset));
    const auto code = reader.read_descriptor();
    return code == performative::transfer ? std::min(size, offset + transfer_head) : size;
}

frame_guard::verdict frame_guard::check(std::span<std::byte> bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        if (to_skip_ > 0) {
            const auto skipped = std::min(to_skip_, bytes.size() - at);
            at += skipped;
            to_skip_ -= skipped;
            continue;
        }
        const auto rest = bytes.subspan(at);
        if (rest.size() < needed(rest)) break;
        to_skip_ = frame_header;
        if (is_protocol_header(rest)) continue;
        const std::size_t size = big_endian(base::bytes_view(rest).first(4));
        if (size < frame_header || size > max_frame_) {
            // Proton ends the connection for it. No frame can be found behind it: let all pass.
            to_skip_ = std::numeric_limits<std::size_t>::max();
            continue;
        }
        const auto problem = check_frame(rest.first(std::min(rest.size(), size)));
        if (!problem.empty()) return {problem, at};
        to_skip_ = size;
    }
    return {{}, at};
}

std::string_view frame_guard::check_frame(std::span<std::byte> whole) {
    const base::bytes_view frame(whole);
    const auto offset = std::to_integer<std::size_t>(frame[4]) * 4;
    if (offset < frame_header || offset >= frame.size()) return {};  // empty, or Proton's own error
    const auto body = frame.subspan(offset);
    if (!nesting_within(body, deepest_value, most_values)) {
        return "malformed, deeply nested or crowded performative";
    }
    value_reader reader(body);
    const auto code = reader.read_descriptor();
    const auto list = reader.read_list();
    if (!code) return {};  // Proton refuses it
    if (!list) return "performative is not a list";
    constexpr auto amqp_frame = std::byte{0};
    if (frame[5] != amqp_frame) return check_sasl(*code);
    // Proton knows no connection to act on before the open, and a second one is as senseless.
    if ((*code == performative::open) == opened_) return "open missing or repeated";
    opened_ = true;
    const auto channel = static_cast<std::uint16_t>(big_endian(frame.subspan(6, 2)));
    value_reader fields(list->body);
    switch (*code) {
        case performative::transfer:
            return counts_right(*list) ? check_transfer(channel, fields) : miscounted;
        case performative::attach: {
            if (!counts_right(*list)) return miscounted;
            if (!has_code(fields, {0xa1, 0xb1})) return "attach without a name";  // [2.7.3]
            fields.skip();
            const auto handle = read_uint(fields);
            if (!handle) return "attach without a handle";
            forget(channel, *handle);  // a link now has it whoever had it before
            fields.skip();             // role
            const bool known = mode_within(fields, 2) && mode_within(fields, 1);
            return known ? std::string_view() : "unknown settle mode";
        }
        case performative::detach: {
            const auto handle = read_uint(fields);
            if (!handle) return "detach without a handle";
            forget(channel, *handle);
            return {};
        }
        case performative::disposition:
            return body.size() > largest_disposition ? "disposition too large" : std::string_view();
        case performative::flow:
            clamp_credit(whole, fields);
            return {};
        case performative::begin:
            read_begin(fields);
            [[fallthrough]];
        case performative::end:
            std::erase_if(open_, [&](const auto& entry) { return entry.channel == channel; });
            return {};
        default:
            return {};
    }
}

std::string_view frame_guard::check_sasl(std::uint64_t code) {
    // The mechanisms in use need no frame twice, and Proton loses memory with each repetition.
    constexpr std::uint64_t first = 0x40;
    constexpr std::uint64_t last = 0x44;
    if (code < first || code > last) return {};  // Proton's own error
    const auto bit = static_cast<std::uint8_t>(1u << (code - first));
    if ((sasl_seen_ & bit) != 0) return "repeated SASL frame";
    sasl_seen_ = static_cast<std::uint8_t>(sasl_seen_ | bit);
    return {};
}

std::string_view frame_guard::check_transfer(std::uint16_t channel, value_reader fields) {
    // handle, delivery-id, delivery-tag, message-format, settled, more, rcv-settle-mode, state,
    // resume, aborted [2.7.5]
    const auto handle = read_uint(fields);
    if (!handle) return "transfer without a handle";
    const bool has_id = !is_null(fields);
    if (!has_id) {
        fields.skip();
    } else if (!read_uint(fields)) {
        return "transfer with a malformed delivery-id";
    }
    for (int i = 0; i < 3; ++i) fields.skip();
    const auto more = read_flag(fields);
    for (int i = 0; i < 3; ++i) fields.skip();
    const auto aborted = read_flag(fields);
    if (!more || !aborted) return "transfer with a malformed flag";
    const open_delivery key{channel, *handle};
    const auto found = std::ranges::find(open_, key);
    if (found == open_.end() && !has_id) return "transfer without a delivery-id";
    const bool continues = *more && !*aborted;
    if (!continues && found != open_.end()) {
        open_.erase(found);
    } else if (continues && found == open_.end()) {
        if (open_.size() >= most_open_deliveries) return "too many unfinished deliveries";
        open_.push_back(key);
    }
    return {};
}

// remote-channel, next-outgoing-id, incoming-window, outgoing-window, handle-max [2.7.2]
void frame_guard::read_begin(value_reader fields) noexcept {
    for (int i = 0; i < 4; ++i) fields.skip();
    if (const auto most = read_uint(fields)) handle_max_ = std::min(handle_max_, *most);
}

void frame_guard::forget(std::uint16_t channel, std::uint32_t handle) {
    std::erase(open_, open_delivery{channel, handle});
}

}  // namespace pgw::amqp
