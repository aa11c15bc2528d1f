// AMQP 1.0 type encoding (part 1) as far as bare messages need it. Pure; no Proton.
#pragma once

#include "common/base/bytes.hpp"

#include <array>
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
    /// Bytes whose number is known when compiling: one check and one copy.
    template <std::size_t Size>
    void fixed(const std::array<std::uint8_t, Size>& v) noexcept {
        if (size_ + Size <= capacity_) std::memcpy(begin_ + size_, v.data(), Size);
        size_ += Size;
    }
    void big_endian32(std::uint32_t v) noexcept {
        fixed(std::array{
            static_cast<std::uint8_t>(v >> 24),
            static_cast<std::uint8_t>(v >> 16),
            static_cast<std::uint8_t>(v >> 8),
            static_cast<std::uint8_t>(v),
        });
    }
    void open_section(section s) noexcept {
        fixed(std::array<std::uint8_t, 3>{0x00, 0x53, static_cast<std::uint8_t>(s)});
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
        // Size and count are filled in by close().
        fixed(std::array<std::uint8_t, 9>{constructor, 0, 0, 0, 0, 0, 0, 0, 0});
        return size_ - 8;
    }
    void variable(std::uint8_t short_code, std::uint8_t long_code, base::bytes_view v) noexcept {
        if (v.size() < 256) {
            fixed(std::array<std::uint8_t, 2>{short_code, static_cast<std::uint8_t>(v.size())});
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
