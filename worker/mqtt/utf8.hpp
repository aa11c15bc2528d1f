// UTF-8 as MQTT demands it: well-formed, no surrogates, no U+0000 (section 1.5.4).
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace pgw::mqtt {

/// [MQTT-1.5.4-1], [MQTT-1.5.4-2]. ASCII runs are checked eight bytes at a time.
bool valid_utf8(std::string_view text) noexcept;

namespace swar {

// Eight bytes as one integer, for checks that do not care about their order.
inline constexpr std::uint64_t ones = 0x0101010101010101;
inline constexpr std::uint64_t highs = 0x8080808080808080;

inline std::uint64_t load(const char* p) noexcept {
    std::uint64_t word;
    std::memcpy(&word, p, sizeof word);
    return word;
}

/// The high bit of each byte of `word` that equals `c`. Exact where all bytes are ASCII.
constexpr std::uint64_t equal(std::uint64_t word, char c) noexcept {
    const std::uint64_t x = word ^ (ones * std::uint8_t(c));
    return ~(((x & ~highs) + ~highs) | x) & highs;
}

/// How many of the high bits are set in a result of equal().
constexpr unsigned count(std::uint64_t mask) noexcept {
    return unsigned(((mask >> 7) * ones) >> 56);
}

}  // namespace swar

/// The length of the code point at `p`, or 0 if it is not one MQTT allows. `p < end`.
inline unsigned code_point(const char* p, const char* end) noexcept {
    const auto at = [p](int i) { return std::uint8_t(p[i]); };
    const auto continues = [&at](int i) { return (at(i) & 0xC0) == 0x80; };
    const std::uint8_t first = at(0);
    if (first < 0x80) return first == 0 ? 0 : 1;
    const auto left = end - p;
    if (first < 0xC2) return 0;  // A continuation byte, or an overlong form.
    if (first < 0xE0) return left >= 2 && continues(1) ? 2 : 0;
    if (first < 0xF0) {
        if (left < 3 || !continues(1) || !continues(2)) return 0;
        if (first == 0xE0 && at(1) < 0xA0) return 0;   // Overlong.
        if (first == 0xED && at(1) >= 0xA0) return 0;  // U+D800 to U+DFFF.
        return 3;
    }
    if (first < 0xF5) {
        if (left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
        if (first == 0xF0 && at(1) < 0x90) return 0;   // Overlong.
        if (first == 0xF4 && at(1) >= 0x90) return 0;  // Above U+10FFFF.
        return 4;
    }
    return 0;
}

}  // namespace pgw::mqtt
