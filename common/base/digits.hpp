// Hexadecimal digits.
#pragma once

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

/// The value of a digit of either case; -1: it is not one.
constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace pgw::base
