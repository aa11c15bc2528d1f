// Hexadecimal digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgw::base {

inline constexpr std::string_view lower_digits = "0123456789abcdef";
inline constexpr std::string_view upper_digits = "0123456789ABCDEF";

/// Two digits.
inline void append_hex(
    std::string& out, unsigned char byte, std::string_view digits = lower_digits
) {
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
}

/// Sixteen digits in lower case.
inline void append_hex(std::string& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        append_hex(out, static_cast<unsigned char>(value >> shift));
    }
}

}  // namespace pgw::base
