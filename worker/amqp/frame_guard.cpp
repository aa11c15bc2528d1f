// See frame_guard.hpp.
#include "worker/amqp/frame_guard.hpp"

#include <algorithm>

namespace pgw::amqp {

namespace {

constexpr std::size_t frame_header = 8;
// Of a transfer the performative only; 1 kB is many times what its fields can need. [2.7.5]
constexpr std::size_t transfer_head = frame_header + 1024;
constexpr std::size_t most_open_deliveries = 4096;
constexpr int deepest_value = 24;

enum performative : std::uint64_t {
    open = 0x10,
    begin = 0x11,
    attach = 0x12,
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

bool frame_guard::gather(base::bytes_view& bytes) {
    for (;;) {
        const auto want = needed(head_);
        if (head_.size() >= want) return true;
        if (bytes.empty()) return false;
        const auto taken = bytes.first(std::min(want - head_.size(), bytes.size()));
        head_.insert(head_.end(), taken.begin(), taken.end());
        bytes = bytes.subspan(taken.size());
    }
}

std::string_view frame_guard::check(base::bytes_view bytes) {
    while (!bytes.empty()) {
        if (to_skip_ > 0) {
            const auto skipped = std::min(to_skip_, bytes.size());
            bytes = bytes.subspan(skipped);
            to_skip_ -= skipped;
            continue;
        }
        // The usual case needs no copy: what must be seen of the frame lies in this read.
        const bool split = !head_.empty() || bytes.size() < needed(bytes);
        if (split && !gather(bytes)) return {};
        const auto head = split ? base::bytes_view(head_) : bytes;
        std::size_t size = frame_header;
        if (!is_protocol_header(head)) {
            size = big_endian(head.first(4));
            if (size < frame_header || size > max_frame_) return {};  // Proton's own error
            const auto problem = check_frame(head.first(std::min(head.size(), size)));
            if (!problem.empty()) return problem;
        }
        to_skip_ = size - head_.size();
        head_.clear();
    }
    return {};
}

std::string_view frame_guard::check_frame(base::bytes_view frame) {
    const auto offset = std::to_integer<std::size_t>(frame[4]) * 4;
    if (offset < frame_header || offset >= frame.size()) return {};  // empty, or Proton's own error
    const auto body = frame.subspan(offset);
    if (!nesting_within(body, deepest_value)) return "malformed or deeply nested performative";
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
            return check_transfer(channel, fields);
        case performative::attach: {
            fields.skip();  // name; a link now has this handle whoever had it before
            const auto handle = fields.read_scalar();
            if (handle) forget(channel, static_cast<std::uint32_t>(handle->number));
            fields.skip();  // role
            const auto sender_mode = fields.read_scalar();
            const auto receiver_mode = fields.read_scalar();
            const bool known = (!sender_mode || sender_mode->number <= 2) &&
                               (!receiver_mode || receiver_mode->number <= 1);
            return known ? std::string_view() : "unknown settle mode";  // [2.8.2, 2.8.3]
        }
        case performative::detach: {
            const auto handle = fields.read_scalar();
            if (handle) forget(channel, static_cast<std::uint32_t>(handle->number));
            return {};
        }
        case performative::begin:
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
    const auto handle = fields.read_scalar();
    const auto id = fields.read_scalar();
    const bool has_id = id && id->kind == scalar::type::unsigned_int;
    for (int i = 0; i < 3; ++i) fields.skip();
    const auto more = fields.read_scalar();
    for (int i = 0; i < 3; ++i) fields.skip();
    const auto aborted = fields.read_scalar();
    const open_delivery key{channel, handle ? static_cast<std::uint32_t>(handle->number) : 0u};
    const auto found = std::ranges::find(open_, key);
    if (found == open_.end() && !has_id) return "transfer without a delivery-id";
    const bool continues = more && more->kind == scalar::type::boolean && more->number != 0 &&
                           !(aborted && aborted->number != 0);
    if (!continues && found != open_.end()) {
        open_.erase(found);
    } else if (continues && found == open_.end()) {
        if (open_.size() >= most_open_deliveries) return "too many unfinished deliveries";
        open_.push_back(key);
    }
    return {};
}

void frame_guard::forget(std::uint16_t channel, std::uint32_t handle) {
    std::erase(open_, open_delivery{channel, handle});
}

}  // namespace pgw::amqp
