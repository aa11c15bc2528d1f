// Three bytes are four characters.
#include "common/kube/base64.hpp"

#include <cstdint>

namespace pgw::kube {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string encode_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group <<= 8;
            if (i + k < bytes.size()) group |= static_cast<unsigned char>(bytes[i + k]);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            const bool padding = i + k > bytes.size();
            text += padding ? '=' : alphabet[(group >> (18 - 6 * k)) & 0x3f];
        }
    }
    return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t group = 0;
    int characters = 0;
    int padding = 0;
    for (const char c : text) {
        if (c == '\n' || c == '\r') continue;
        group <<= 6;
        if (c == '=') {
            // Only the last one or two of a group may be missing.
            if (characters < 2) return std::nullopt;
            ++padding;
        } else {
            const auto value = alphabet.find(c);
            if (padding > 0 || value == std::string_view::npos) return std::nullopt;
            group |= static_cast<std::uint32_t>(value);
        }
        if (++characters < 4) continue;
        for (int k = 0; k < 3 - padding; ++k) {
            bytes += static_cast<char>((group >> (16 - 8 * k)) & 0xff);
        }
        group = 0;
        characters = 0;
    }
    if (characters != 0) return std::nullopt;
    return bytes;
}

}  // namespace pgw::kube
