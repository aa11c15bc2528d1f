// Tells numbers and truth values from text.
#include "common/yaml/plain_scalar.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <system_error>

namespace pgw::yaml {

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

template <class Number>
bool fits(std::string_view text) {
    Number value{};
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc{};
}

// Whether the text is one of the words as YAML 1.1 writes them: no, No or NO, but not nO.
bool is_written(
    std::string_view text, const std::string& folded, std::initializer_list<std::string_view> words
) {
    if (std::find(words.begin(), words.end(), folded) == words.end()) return false;
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    const auto capitals = std::count_if(text.begin(), text.end(), is_upper);
    return capitals == 0 || capitals == static_cast<std::ptrdiff_t>(text.size()) ||
           (capitals == 1 && is_upper(text.front()));
}

}  // namespace

plain_type classify_plain(std::string_view text) {
    const auto folded = lower(text);
    if (is_written(text, folded, {"true", "false"})) return plain_type::boolean;
    if (is_written(text, folded, {"yes", "no", "on", "off", "y", "n"})) return plain_type::unclear;
    if (!looks_numeric(folded)) return plain_type::text;
    bool is_whole = false;
    if (!is_json_number(text, is_whole)) return plain_type::unclear;
    if (is_whole) return fits<std::int64_t>(text) ? plain_type::integer : plain_type::unclear;
    return fits<double>(text) ? plain_type::number : plain_type::unclear;
}

}  // namespace pgw::yaml
