// Tells numbers and truth values from text.
#include "common/spec/plain_scalar.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <system_error>

namespace pgw::spec {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (auto& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return result;
}

std::size_t take_digits(std::string_view& text) {
    const auto length = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(length);
    return length;
}

// JSON's grammar of numbers; `is_whole` where neither fraction nor exponent follow.
bool is_json_number(std::string_view text, bool& is_whole) {
    if (text.starts_with('-')) text.remove_prefix(1);
    const bool has_leading_zero = text.starts_with('0');
    const auto whole = take_digits(text);
    if (whole == 0 || (has_leading_zero && whole > 1)) return false;
    is_whole = text.empty();
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (take_digits(text) == 0) return false;
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
        if (take_digits(text) == 0) return false;
    }
    return text.empty();
}

bool has_radix_digits(std::string_view text) {
    if (text.size() < 3 || text[0] != '0') return false;
    const auto digits = text[1] == 'x'   ? std::string_view("0123456789abcdef")
                        : text[1] == 'o' ? std::string_view("01234567")
                        : text[1] == 'b' ? std::string_view("01")
                                         : std::string_view();
    return text.find_first_not_of(digits, 2) == std::string_view::npos;
}

// Whether anybody takes it for a number: signs, underscores between digits, other radices, points
// at either end, infinities.
bool looks_numeric(std::string text) {
    const auto sign = text.starts_with('+') || text.starts_with('-') ? 1u : 0u;
    if (text.size() == sign || (!is_digit(text[sign]) && text[sign] != '.')) return false;
    std::erase(text, '_');
    const auto rest = std::string_view(text).substr(sign);
    if (rest == ".inf" || rest == ".nan" || has_radix_digits(rest)) return true;
    double ignored = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), ignored);
    return parsed.ec != std::errc::invalid_argument && parsed.ptr == rest.data() + rest.size();
}

}  // namespace

plain_type classify_plain(std::string_view text) {
    for (const std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
        if (text == word) return plain_type::boolean;
    }
    const auto folded = lower(text);
    for (const std::string_view word : {"true", "false", "yes", "no", "on", "off", "y", "n"}) {
        if (folded == word) return plain_type::unclear;
    }
    if (!looks_numeric(folded)) return plain_type::text;
    bool is_whole = false;
    if (!is_json_number(text, is_whole)) return plain_type::unclear;
    const auto* const end = text.data() + text.size();
    if (is_whole) {
        std::int64_t value = 0;
        return std::from_chars(text.data(), end, value).ec == std::errc{} ? plain_type::integer
                                                                          : plain_type::unclear;
    }
    double value = 0;
    return std::from_chars(text.data(), end, value).ec == std::errc{} && std::isfinite(value)
               ? plain_type::number
               : plain_type::unclear;
}

}  // namespace pgw::spec
