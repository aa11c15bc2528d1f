// Percent-encoding (RFC 3986).
#pragma once

#include "common/base/digits.hpp"

#include <string>
#include <string_view>

namespace pgw::kube {

/// Everything but what is unreserved, and what `also_plain` names, is encoded.
inline void append_encoded(
    std::string& out, std::string_view text, std::string_view also_plain = {}
) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos ||
            also_plain.find(c) != std::string_view::npos) {
            out += c;
            continue;
        }
        out += '%';
        base::append_hex(out, static_cast<unsigned char>(c), base::upper_digits);
    }
}

}  // namespace pgw::kube
