// Bytes written as hexadecimal text in tests: `hex("10 0c | 0004 'MQTT' 05")`. Spaces and bars are
// skipped, text in single quotes stands for its bytes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace pgw::mqtt {

inline std::vector<std::byte> hex(std::string_view text) {
    std::vector<std::byte> bytes;
    const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ' ' || text[i] == '|') continue;
        if (text[i] == '\'') {
            for (++i; text[i] != '\''; ++i) bytes.push_back(std::byte(text[i]));
            continue;
        }
        bytes.push_back(std::byte(digit(text[i]) * 16 + digit(text[i + 1])));
        ++i;
    }
    return bytes;
}

}  // namespace pgw::mqtt
