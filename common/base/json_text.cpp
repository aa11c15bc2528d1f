// Escaping and UTF-8 checking.
#include "common/base/json_text.hpp"

#include "common/base/digits.hpp"

#include <algorithm>

namespace pgw::base {

std::size_t utf8_sequence_length(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = at(0);
    if (lead < 0x80) return 1;

    // RFC 3629: the second byte's range excludes overlong forms, surrogates and what is past
    // U+10FFFF.
    std::size_t length = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else {
        return 0;
    }
    if (text.size() < length || at(1) < low || at(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (at(i) < 0x80 || at(i) > 0xbf) return 0;
    }
    return length;
}

namespace {

/// U+0080 to U+009F and what changes the order or the presence of other characters: a terminal or a
/// viewer would obey it (Unicode TR 36, 3). Two or three bytes of valid UTF-8.
bool is_invisible(std::string_view sequence) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
    if (sequence.size() == 2) {
        const bool is_c1 = at(0) == 0xc2 && at(1) < 0xa0;
        const bool is_arabic_letter_mark = at(0) == 0xd8 && at(1) == 0x9c;
        return is_c1 || is_arabic_letter_mark;
    }
    if (sequence.size() != 3) return false;
    if (sequence == "\xef\xbb\xbf") return true;  // U+FEFF
    if (at(0) != 0xe2) return false;
    // U+200B to U+200F: zero width and direction marks. U+2028 to U+202E: line ends, embeddings and
    // overrides. U+2060 to U+206F: joiners, isolates.
    if (at(1) == 0x80) return (at(2) >= 0x8b && at(2) <= 0x8f) || (at(2) >= 0xa8 && at(2) <= 0xae);
    return at(1) == 0x81 && at(2) >= 0xa0 && at(2) <= 0xaf;
}

void append_escape(std::string& out, std::string_view sequence) {
    unsigned code = 0;
    if (sequence.size() == 1) {
        code = static_cast<unsigned char>(sequence[0]);
    } else {
        code = sequence.size() == 2 ? sequence[0] & 0x1fu : sequence[0] & 0x0fu;
        for (const char c : sequence.substr(1)) code = code << 6 | (c & 0x3fu);
    }
    out += "\\u";
    append_hex(out, static_cast<unsigned char>(code >> 8));
    append_hex(out, static_cast<unsigned char>(code));
}

void append_string(std::string& out, std::string_view text, bool escape_invisible) {
    out += '"';
    while (!text.empty()) {
        const char c = text.front();
        std::size_t used = 1;
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (c == '\r') {
            out += "\\r";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            append_escape(out, text.substr(0, 1));
        } else {
            used = utf8_sequence_length(text);
            if (used == 0) {
                out += "\xef\xbf\xbd";
            } else if (escape_invisible && is_invisible(text.substr(0, used))) {
                append_escape(out, text.substr(0, used));
            } else {
                out.append(text.substr(0, used));
            }
        }
        text.remove_prefix(std::max<std::size_t>(used, 1));
    }
    out += '"';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    append_string(out, text, false);
}

void append_visible_string(std::string& out, std::string_view text) {
    append_string(out, text, true);
}

}  // namespace pgw::base
