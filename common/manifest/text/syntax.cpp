// Recognises syntaxes by hand: a regular expression would cost more than all of it.
#include "common/manifest/text/syntax.hpp"

#include "common/base/json_text.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace pgw::manifest {

namespace {

constexpr std::size_t max_name_part = 63;
constexpr std::string_view digits = "0123456789";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_lower_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

bool is_alphanumeric(char c) {
    return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z');
}

// Dot-separated parts, each of which satisfies `is_part`.
template <class IsPart>
bool is_dotted(std::string_view text, IsPart is_part) {
    if (text.empty() || text.size() > max_subdomain) return false;
    for (;;) {
        const auto dot = text.find('.');
        if (!is_part(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

// Letters, digits and `others`, beginning and ending with a letter or digit.
bool is_bounded_by_alphanumerics(std::string_view text, std::string_view others) {
    return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
           });
}

// The length of the digits at the start.
std::size_t count_digits(std::string_view text) {
    return std::min(text.find_first_not_of(digits), text.size());
}

// Digits with at most one point among them, at least one digit. Shortens `text` by them.
bool take_decimal(std::string_view& text) {
    const auto whole = count_digits(text);
    text.remove_prefix(whole);
    if (!text.starts_with('.')) return whole > 0;
    text.remove_prefix(1);
    const auto fraction = count_digits(text);
    text.remove_prefix(fraction);
    return whole + fraction > 0;
}

int family_of(const std::string& text) {
    if (text.find('\0') != std::string::npos) return AF_UNSPEC;
    in_addr v4{};
    if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return AF_INET;
    in6_addr v6{};
    if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return AF_UNSPEC;
    return IN6_IS_ADDR_V4MAPPED(&v6) ? AF_UNSPEC : AF_INET6;
}

}  // namespace

bool is_label(std::string_view text, std::size_t maximum) {
    return !text.empty() && text.size() <= maximum && is_lower_alphanumeric(text.front()) &&
           is_lower_alphanumeric(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
               return is_lower_alphanumeric(c) || c == '-';
           });
}

bool is_subdomain(std::string_view text) {
    return is_dotted(text, [](std::string_view part) { return is_label(part, max_subdomain); });
}

bool is_ip_address(const std::string& text) {
    return family_of(text) != AF_UNSPEC;
}

bool is_host(const std::string& text) {
    if (is_ip_address(text)) return true;
    return is_dotted(text, [](std::string_view part) {
        return !part.empty() && part.size() <= max_name_part &&
               std::all_of(part.begin(), part.end(), [](char c) {
                   return is_alphanumeric(c) || c == '-' || c == '_';
               });
    });
}

bool is_secret_key(std::string_view text) {
    return !text.empty() && text.size() <= max_subdomain && text != "." &&
           !text.starts_with("..") && std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
           });
}

bool is_qualified_name(std::string_view text) {
    const auto slash = text.find('/');
    if (slash != std::string_view::npos) {
        if (!is_subdomain(text.substr(0, slash))) return false;
        text.remove_prefix(slash + 1);
    }
    return text.size() <= max_name_part && is_bounded_by_alphanumerics(text, "-_.");
}

bool is_label_value(std::string_view text) {
    return text.empty() ||
           (text.size() <= max_label_value && is_bounded_by_alphanumerics(text, "-_."));
}

bool is_cidr(const std::string& text) {
    const auto slash = text.find('/');
    if (slash == std::string::npos) return false;
    const auto family = family_of(text.substr(0, slash));
    const auto length = std::string_view(text).substr(slash + 1);
    if (family == AF_UNSPEC || length.empty() || length.size() > 3 ||
        count_digits(length) != length.size() || (length.size() > 1 && length.front() == '0')) {
        return false;
    }
    int bits = 0;
    for (const char c : length) bits = bits * 10 + (c - '0');
    return bits <= (family == AF_INET ? 32 : 128);
}

bool is_image(std::string_view text) {
    return text.size() <= max_image && is_bounded_by_alphanumerics(text, "-_./:@+");
}

bool is_quantity(std::string_view text) {
    if (text.size() > max_quantity || !take_decimal(text)) return false;
    if (text.empty()) return true;
    constexpr std::array<std::string_view, 15> suffixes{
        "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"
    };
    if (std::find(suffixes.begin(), suffixes.end(), text) != suffixes.end()) return true;
    if (text.front() != 'e' && text.front() != 'E') return false;
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && text.size() <= 2 && count_digits(text) == text.size();
}

std::size_t count_characters(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) {
        text.remove_prefix(std::max<std::size_t>(base::utf8_sequence_length(text), 1));
        ++count;
    }
    return count;
}

}  // namespace pgw::manifest
