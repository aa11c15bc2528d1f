// AMQP 1.0 type encoding (part 1) as far as bare messages need it. Pure; no Proton.
#pragma once

#include "common/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pgw::amqp {

/// Section descriptors, part 3.2.
enum class section : std::uint8_t {
    header = 0x70,
    delivery_annotations = 0x71,
    message_annotations = 0x72,
    properties = 0x73,
    application_properties = 0x74,
    data = 0x75,
    amqp_sequence = 0x76,
    amqp_value = 0x77,
    footer = 0x78,
};

/// Appends to a caller's buffer. Never writes past its end: the first overflow is sticky,
/// `overflowed()` says so and `size()` then is what would have been needed, so that a caller can
/// size a buffer with a dry run on an empty span.
class writer {
public:
    explicit writer(std::span<std::byte> buffer) noexcept
        : begin_(buffer.data()), capacity_(buffer.size()) {}

    void byte(std::uint8_t v) noexcept {
        if (size_ < capacity_) begin_[size_] = std::byte{v};
        ++size_;
    }
    void raw(base::bytes_view v) noexcept {
        if (size_ <= capacity_ && v.size() <= capacity_ - size_ && !v.empty()) {
            std::memcpy(begin_ + size_, v.data(), v.size());
        }
        size_ += v.size();
    }
    void big_endian32(std::uint32_t v) noexcept {
        byte(static_cast<std::uint8_t>(v >> 24));
        byte(static_cast<std::uint8_t>(v >> 16));
        byte(static_cast<std::uint8_t>(v >> 8));
        byte(static_cast<std::uint8_t>(v));
    }
    void open_section(section s) noexcept {
        byte(0x00);
        byte(0x53);
        byte(static_cast<std::uint8_t>(s));
    }
    void null() noexcept { byte(0x40); }
    void boolean(bool v) noexcept { byte(v ? 0x41 : 0x42); }
    void ubyte(std::uint8_t v) noexcept {
        byte(0x50);
        byte(v);
    }
    /// Always the five-byte form, so that it can be patched in place.
    void uint_fixed(std::uint32_t v) noexcept {
        byte(0x70);
        big_endian32(v);
    }
    void ulong(std::uint64_t v) noexcept {
        byte(0x80);
        big_endian32(static_cast<std::uint32_t>(v >> 32));
        big_endian32(static_cast<std::uint32_t>(v));
    }
    void string(std::string_view v) noexcept { variable(0xa1, 0xb1, base::as_bytes(v)); }
    void symbol(std::string_view v) noexcept { variable(0xa3, 0xb3, base::as_bytes(v)); }
    void binary(base::bytes_view v) noexcept { variable(0xa0, 0xb0, v); }

    /// Opens a list32 or map32; the returned mark is given to `close` with the number of elements.
    std::size_t open_list() noexcept { return open_compound(0xd0); }
    std::size_t open_map() noexcept { return open_compound(0xd1); }
    void close(std::size_t mark, std::uint32_t elements) noexcept {
        patch32(mark, static_cast<std::uint32_t>(size_ - mark - 4));
        patch32(mark + 4, elements);
    }
    void patch32(std::size_t at, std::uint32_t v) noexcept {
        if (at + 4 > capacity_) return;
        begin_[at] = std::byte(v >> 24 & 0xff);
        begin_[at + 1] = std::byte(v >> 16 & 0xff);
        begin_[at + 2] = std::byte(v >> 8 & 0xff);
        begin_[at + 3] = std::byte(v & 0xff);
    }

    std::size_t size() const noexcept { return size_; }
    bool overflowed() const noexcept { return size_ > capacity_; }

private:
    std::size_t open_compound(std::uint8_t constructor) noexcept {
        byte(constructor);
        const auto mark = size_;
        big_endian32(0);
        big_endian32(0);
        return mark;
    }
    void variable(std::uint8_t short_code, std::uint8_t long_code, base::bytes_view v) noexcept {
        if (v.size() < 256) {
            byte(short_code);
            byte(static_cast<std::uint8_t>(v.size()));
        } else {
            byte(long_code);
            big_endian32(static_cast<std::uint32_t>(v.size()));
        }
        raw(v);
    }

    std::byte* begin_;
    std::size_t capacity_;
    std::size_t size_ = 0;
};

}  // namespace pgw::amqp
