#include "worker/amqp/decoding.hpp"

namespace pgw::amqp {

namespace {

constexpr std::uint8_t described = 0x00;

std::uint8_t code_of(std::byte b) noexcept {
    return std::to_integer<std::uint8_t>(b);
}

// The width of a fixed-width value by its constructor's upper half. [1.2]
constexpr std::size_t fixed_width(std::uint8_t upper) noexcept {
    switch (upper) {
        case 0x4:
            return 0;
        case 0x5:
            return 1;
        case 0x6:
            return 2;
        case 0x7:
            return 4;
        case 0x8:
            return 8;
        default:
            return 16;
    }
}

std::uint64_t sign_extend(std::uint64_t value, std::size_t width) noexcept {
    const auto shift = static_cast<unsigned>(64 - 8 * width);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >> shift);
}

}  // namespace

std::optional<base::bytes_view> value_reader::take(std::size_t size) noexcept {
    if (size > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
}

std::optional<std::uint64_t> value_reader::take_number(std::size_t width) noexcept {
    const auto bytes = take(width);
    if (!bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (const auto b : *bytes) value = value << 8 | code_of(b);
    return value;
}

std::optional<base::bytes_view> value_reader::skip() noexcept {
    const auto start = rest_;
    int depth = 0;
    // A descriptor and the value it describes stand one after the other: each descriptor met adds
    // one more value to step over. [1.1.2]
    for (std::size_t needed = 1; needed > 0;) {
        const auto code = take_number(1);
        if (!code) return rest_ = start, std::nullopt;
        if (*code == described) {
            if (++depth > max_described_depth) return rest_ = start, std::nullopt;
            ++needed;
            continue;
        }
        const auto upper = static_cast<std::uint8_t>(*code >> 4);
        if (upper < 0x4) return rest_ = start, std::nullopt;
        std::uint64_t size = 0;
        if (upper <= 0x9) {
            size = fixed_width(upper);
        } else {
            // Variable, compound and array: even upper halves have a one-byte size, odd ones four.
            const auto claimed = take_number(upper % 2 == 0 ? 1 : 4);
            if (!claimed) return rest_ = start, std::nullopt;
            size = *claimed;
        }
        if (!take(size)) return rest_ = start, std::nullopt;
        --needed;
    }
    return start.first(start.size() - rest_.size());
}

std::optional<scalar> value_reader::read_scalar() noexcept {
    const auto start = rest_;
    const auto fail = [&]() -> std::optional<scalar> {
        rest_ = start;
        return std::nullopt;
    };
    const auto number = [&](scalar::type kind, std::size_t width) -> std::optional<scalar> {
        const auto value = take_number(width);
        if (!value) return fail();
        const bool negative = kind == scalar::type::signed_int;
        return scalar{kind, negative ? sign_extend(*value, width) : *value, {}};
    };
    const auto variable = [&](scalar::type kind, std::size_t width) -> std::optional<scalar> {
        const auto size = take_number(width);
        if (!size) return fail();
        const auto bytes = take(*size);
        if (!bytes) return fail();
        return scalar{kind, 0, *bytes};
    };
    const auto code = take_number(1);
    if (!code) return fail();
    using enum scalar::type;
    switch (*code) {
        case 0x40:
            return scalar{null, 0, {}};
        case 0x41:
            return scalar{boolean, 1, {}};
        case 0x42:
            return scalar{boolean, 0, {}};
        case 0x56: {
            const auto value = take_number(1);
            if (!value || *value > 1) return fail();
            return scalar{boolean, *value, {}};
        }
        case 0x43:
        case 0x44:
            return scalar{unsigned_int, 0, {}};
        case 0x50:
        case 0x52:
        case 0x53:
            return number(unsigned_int, 1);
        case 0x60:
            return number(unsigned_int, 2);
        case 0x70:
            return number(unsigned_int, 4);
        case 0x80:
            return number(unsigned_int, 8);
        case 0x51:
        case 0x54:
        case 0x55:
            return number(signed_int, 1);
        case 0x61:
            return number(signed_int, 2);
        case 0x71:
            return number(signed_int, 4);
        case 0x81:
        case 0x83:
            return number(signed_int, 8);
        case 0xa0:
            return variable(binary, 1);
        case 0xb0:
            return variable(binary, 4);
        case 0xa1:
            return variable(text, 1);
        case 0xb1:
            return variable(text, 4);
        case 0xa3:
            return variable(symbol, 1);
        case 0xb3:
            return variable(symbol, 4);
        default:
            return fail();
    }
}

std::optional<compound> value_reader::read_compound(
    std::uint8_t base_code, bool empty_form
) noexcept {
    const auto start = rest_;
    const auto code = take_number(1);
    if (code && empty_form && *code == 0x45) return compound{};
    const bool small = code && *code == base_code;
    if (!small && !(code && *code == base_code + 0x10u)) return rest_ = start, std::nullopt;
    const std::size_t width = small ? 1 : 4;
    const auto size = take_number(width);
    // The size counts the count field too. [1.6.22]
    if (!size || *size < width) return rest_ = start, std::nullopt;
    const auto count = take_number(width);
    if (!count) return rest_ = start, std::nullopt;
    const auto body = take(*size - width);
    if (!body) return rest_ = start, std::nullopt;
    return compound{static_cast<std::uint32_t>(*count), *body};
}

std::optional<compound> value_reader::read_list() noexcept {
    return read_compound(0xc0, true);
}

std::optional<compound> value_reader::read_map() noexcept {
    return read_compound(0xc1, false);
}

std::optional<std::uint64_t> value_reader::read_descriptor() noexcept {
    const auto start = rest_;
    const auto mark = take_number(1);
    if (mark && *mark == described && !rest_.empty()) {
        const auto code = code_of(rest_.front());
        if (code == 0x44 || code == 0x53 || code == 0x80) {
            if (const auto value = read_scalar()) return value->number;
        }
    }
    rest_ = start;
    return std::nullopt;
}

std::optional<section_view> section_reader::next() noexcept {
    if (malformed_ || values_.at_end()) return std::nullopt;
    malformed_ = true;  // until the section is seen to be whole
    const auto before = values_.rest();
    const auto descriptor = values_.read_descriptor();
    if (!descriptor || *descriptor < static_cast<std::uint64_t>(section::header) ||
        *descriptor > static_cast<std::uint64_t>(section::footer)) {
        return std::nullopt;
    }
    const auto code = static_cast<std::uint8_t>(*descriptor);
    const auto kind = static_cast<section>(code);
    // Only data and amqp-sequence may be repeated, and no two kinds of body may be mixed.
    const bool body_before = last_ >= 0x75 && last_ <= 0x77;
    const bool body_now = code >= 0x75 && code <= 0x77;
    const bool repeatable = kind == section::data || kind == section::amqp_sequence;
    if (code < last_ || (code == last_ && !repeatable)) return std::nullopt;
    if (body_before && body_now && code != last_) return std::nullopt;
    const auto value = values_.skip();
    if (!value) return std::nullopt;
    last_ = code;
    malformed_ = false;
    return section_view{kind, before.first(before.size() - values_.rest().size()), *value};
}

std::optional<header_fields> read_header(base::bytes_view value) noexcept {
    const auto list = value_reader(value).read_list();
    if (!list) return std::nullopt;
    value_reader fields(list->body);
    header_fields header;
    for (std::uint32_t i = 0; i < list->count && i < 5; ++i) {
        const auto field = fields.read_scalar();
        if (!field) return std::nullopt;
        if (field->kind == scalar::type::null) continue;
        const bool is_flag = i == 0 || i == 3;
        if (field->kind != (is_flag ? scalar::type::boolean : scalar::type::unsigned_int)) {
            return std::nullopt;
        }
        switch (i) {
            case 0:
                header.durable = field->number != 0;
                break;
            case 1:
                header.priority = static_cast<std::uint8_t>(field->number);
                break;
            case 2:
                header.ttl = static_cast<std::uint32_t>(field->number);
                break;
            case 3:
                header.first_acquirer = field->number != 0;
                break;
            default:
                header.delivery_count = static_cast<std::uint32_t>(field->number);
                break;
        }
    }
    return header;
}

void write_header(writer& out, const header_fields& header) noexcept {
    out.open_section(section::header);
    const auto list = out.open_list();
    out.boolean(header.durable);
    if (header.priority) {
        out.ubyte(*header.priority);
    } else {
        out.null();
    }
    if (header.ttl) {
        out.uint_fixed(*header.ttl);
    } else {
        out.null();
    }
    out.boolean(header.first_acquirer);
    out.uint_fixed(header.delivery_count);
    out.close(list, 5);
}

std::optional<std::string_view> read_to(base::bytes_view value) noexcept {
    constexpr std::uint32_t position = 2;  // after message-id and user-id
    const auto list = value_reader(value).read_list();
    if (!list) return std::nullopt;
    value_reader fields(list->body);
    for (std::uint32_t i = 0; i < position; ++i) {
        if (i >= list->count) return std::string_view();
        if (!fields.skip()) return std::nullopt;
    }
    if (list->count <= position) return std::string_view();
    const auto to = fields.read_scalar();
    if (!to) return std::nullopt;
    if (to->kind == scalar::type::null) return std::string_view();
    if (to->kind != scalar::type::text) return std::nullopt;
    return to->text();
}

}  // namespace pgw::amqp
