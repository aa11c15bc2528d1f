// Percent-encoding (RFC 3986).
#pragma once

#include <string>
#include <string_view>

namespace pgw::kube {

/// Everything but what is unreserved, and what `also_plain` names, is encoded.
inline void append_encoded(
    std::string& out, std::string_view text, std::string_view also_plain = {}
) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos ||
            also_plain.find(c) != std::string_view::npos) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 0xf];
    }
}

}  // namespace pgw::kube
