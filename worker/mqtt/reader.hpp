// The one way to read a packet's bytes: bounded, with a sticky error.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/mqtt/errc.hpp"
#include "worker/mqtt/utf8.hpp"

#include <cstdint>
#include <string_view>

namespace pgw::mqtt {

/// Reads fields in order. Each read compares the remaining size before it moves; the first failure
/// stays, and every read after it yields an empty value. What is returned are views into the input.
class reader {
public:
    explicit reader(base::bytes_view bytes) noexcept : rest_(bytes) {}

    bool ok() const noexcept { return error_ == errc::ok; }
    errc error() const noexcept { return error_; }
    bool empty() const noexcept { return rest_.empty(); }
    /// The next byte, not taken. Not empty.
    std::byte peek() const noexcept { return rest_.front(); }
    std::size_t remaining() const noexcept { return rest_.size(); }

    /// The first error wins.
    void fail(errc error) noexcept {
        if (error_ == errc::ok) error_ = error;
        rest_ = {};
    }

    std::uint8_t u8() noexcept {
        const auto bytes = take(1);
        return bytes.empty() ? std::uint8_t(0) : std::uint8_t(bytes[0]);
    }

    std::uint16_t u16() noexcept {
        const auto bytes = take(2);
        if (bytes.empty()) return 0;
        return std::uint16_t((unsigned(bytes[0]) << 8) | unsigned(bytes[1]));
    }

    std::uint32_t u32() noexcept {
        const std::uint32_t high = u16();
        return (high << 16) | u16();
    }

    /// A Variable Byte Integer (section 1.5.5), minimal and of at most four bytes.
    std::uint32_t variable_integer() noexcept {
        std::uint32_t value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            const std::uint8_t byte = u8();
            if (!ok()) return 0;
            value |= std::uint32_t(byte & 0x7Fu) << shift;
            if ((byte & 0x80u) == 0) {
                if (byte == 0 && shift > 0) break;  // [MQTT-1.5.5-1]
                return value;
            }
        }
        fail(errc::invalid_variable_integer);
        return 0;
    }

    base::bytes_view take(std::size_t size) noexcept {
        if (size > rest_.size()) {
            fail(errc::truncated);
            return {};
        }
        const auto head = rest_.first(size);
        rest_ = rest_.subspan(size);
        return head;
    }

    base::bytes_view binary() noexcept { return take(u16()); }

    /// A string whose content the caller checks.
    std::string_view raw_text() noexcept { return base::as_text(binary()); }

    /// A UTF-8 Encoded String.
    std::string_view text() noexcept {
        const auto value = raw_text();
        if (!valid_utf8(value)) {
            fail(errc::invalid_utf8);
            return {};
        }
        return value;
    }

    base::bytes_view rest() noexcept { return take(rest_.size()); }

    /// The packet must end here.
    void expect_end() noexcept {
        if (ok() && !empty()) fail(errc::trailing_bytes);
    }

private:
    base::bytes_view rest_;
    errc error_ = errc::ok;
};

}  // namespace pgw::mqtt
