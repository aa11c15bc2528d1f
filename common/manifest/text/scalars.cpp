// Parsing and printing of scalars.
#include "common/manifest/text/scalars.hpp"

#include "common/base/json_text.hpp"
#include "common/manifest/text/syntax.hpp"
#include "common/manifest/text/topic_template.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace pgw::manifest {

namespace {

constexpr std::size_t max_template = 4096;
constexpr std::size_t max_topic_template = 1024;
constexpr std::size_t max_annotation = 4096;
constexpr std::size_t max_number = 32;  // characters of a duration or size

struct unit {
    std::string_view suffix;
    std::uint64_t factor;
};

// Longest first where one is the prefix of another is not needed: the whole rest must match.
constexpr std::array duration_units{
    unit{"h", 3'600'000}, unit{"m", 60'000}, unit{"s", 1'000}, unit{"ms", 1}
};

constexpr std::array size_units{
    unit{"Ti", 1ull << 40},
    unit{"T", 1'000'000'000'000},
    unit{"Gi", 1ull << 30},
    unit{"G", 1'000'000'000},
    unit{"Mi", 1ull << 20},
    unit{"M", 1'000'000},
    unit{"Ki", 1ull << 10},
    unit{"k", 1'000}
};

// A decimal number at the start of `text`, which is shortened by it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

template <class Template>
std::optional<std::string> error_of(const std::variant<Template, template_error>& parsed) {
    const auto* error = std::get_if<template_error>(&parsed);
    if (error == nullptr) return std::nullopt;
    return error->text + " (at character " + std::to_string(error->offset + 1) + ")";
}

std::string not_a_key(std::string_view text) {
    return in_quotes(text) +
           " is not a qualified name: at most 63 letters, digits, '-', '_' and '.', beginning and "
           "ending with a letter or digit, perhaps after a DNS subdomain and '/'";
}

}  // namespace

std::optional<base::milliseconds> parse_duration(std::string_view text) {
    if (text.size() > max_number) return std::nullopt;
    std::uint64_t total = 0;
    std::size_t next_unit = 0;
    do {
        const auto number = take_number(text);
        if (!number) return std::nullopt;
        const auto length = std::min(text.find_first_of("0123456789"), text.size());
        const auto suffix = text.substr(0, length);
        while (next_unit < duration_units.size() && duration_units[next_unit].suffix != suffix) {
            ++next_unit;
        }
        if (next_unit == duration_units.size()) return std::nullopt;
        std::uint64_t part = 0;
        if (__builtin_mul_overflow(*number, duration_units[next_unit].factor, &part) ||
            __builtin_add_overflow(total, part, &total) || total > INT64_MAX) {
            return std::nullopt;
        }
        ++next_unit;
        text.remove_prefix(length);
    } while (!text.empty());
    return base::milliseconds{static_cast<std::int64_t>(total)};
}

std::string print_duration(base::milliseconds value) {
    auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
    if (rest == 0) return "0s";
    std::string text;
    for (const auto& unit : duration_units) {
        if (rest < unit.factor) continue;
        text += std::to_string(rest / unit.factor);
        text += unit.suffix;
        rest %= unit.factor;
    }
    return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    if (text.size() > max_number) return std::nullopt;
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (text.empty()) return number;
    for (const auto& unit : size_units) {
        if (unit.suffix != text) continue;
        std::uint64_t total = 0;
        if (__builtin_mul_overflow(*number, unit.factor, &total)) return std::nullopt;
        return total;
    }
    return std::nullopt;
}

std::string print_size(std::uint64_t value) {
    for (const auto& unit : size_units) {
        const bool is_binary = unit.suffix.size() == 2;
        if (is_binary && value != 0 && value % unit.factor == 0) {
            return std::to_string(value / unit.factor) + std::string(unit.suffix);
        }
    }
    return std::to_string(value);
}

std::variant<endpoint, std::string> parse_endpoint(std::string_view text) {
    std::string shape = "is not amqp://host:port or amqps://host:port";
    endpoint result;
    if (text.starts_with("amqps://")) {
        result.tls = true;
        text.remove_prefix(8);
    } else if (text.starts_with("amqp://")) {
        text.remove_prefix(7);
    } else {
        return shape;
    }
    if (text.find('@') != std::string_view::npos) {
        return std::string("holds credentials, which belong into the Secret of sasl.secretRef");
    }
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return shape;
        result.host = text.substr(1, end - 1);
        text.remove_prefix(end + 1);
        if (result.host.find(':') == std::string::npos || !is_ip_address(result.host)) {
            return std::string("has no IPv6 address between the brackets");
        }
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        result.host = text.substr(0, colon);
        text.remove_prefix(colon);
        if (!is_host(result.host)) return shape;
    }
    result.port = result.tls ? 5671 : 5672;
    if (text.empty()) return result;
    if (text.front() != ':') return shape;
    text.remove_prefix(1);
    if (text.starts_with('0') && text.size() > 1) return shape;
    const auto port = take_number(text);
    if (!port || !text.empty()) return shape;
    if (*port < 1 || *port > 65535) return std::string("has a port that is not in 1..65535");
    result.port = static_cast<std::uint16_t>(*port);
    return result;
}

std::string print_endpoint(const endpoint& endpoint) {
    const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
    return std::string(endpoint.tls ? "amqps://" : "amqp://") + (is_ipv6 ? "[" : "") +
           endpoint.host + (is_ipv6 ? "]" : "") + ":" + std::to_string(endpoint.port);
}

std::optional<std::string> check_text(text_kind kind, const std::string& text) {
    switch (kind) {
        case text_kind::label:
            if (is_label(text, max_label)) return std::nullopt;
            return in_quotes(text) +
                   " is not a DNS label: lower-case letters, digits and '-', beginning and ending "
                   "with a letter or digit, at most 40 characters";
        case text_kind::secret_name:
            if (is_subdomain(text)) return std::nullopt;
            return in_quotes(text) + " is not the name of a Secret (a DNS subdomain)";
        case text_kind::secret_key:
            if (is_secret_key(text)) return std::nullopt;
            return in_quotes(text) + " is not a key of a Secret: letters, digits, '-', '_' and '.'";
        case text_kind::ip_address:
            if (is_ip_address(text)) return std::nullopt;
            return in_quotes(text) + " is not an IP address";
        case text_kind::host:
            if (text.empty() || is_host(text)) return std::nullopt;
            return in_quotes(text) + " is neither a host name nor an IP address";
        case text_kind::topic_template:
            if (count_characters(text) > max_topic_template)
                return "is longer than 1024 characters";
            return error_of(parse_topic_template(text));
        case text_kind::value_template:
            if (count_characters(text) > max_template) return "is longer than 4096 characters";
            return error_of(parse_value_template(text));
        case text_kind::image:
            if (text.empty() || is_image(text)) return std::nullopt;
            return in_quotes(text) +
                   " is not a container image: registry/path:tag or "
                   "registry/path@digest, at most 512 characters";
        case text_kind::object_name:
            if (text.empty() || is_subdomain(text)) return std::nullopt;
            return in_quotes(text) + " is not the name of a Kubernetes object (a DNS subdomain)";
        case text_kind::qualified_name:
            if (text.empty() || is_qualified_name(text)) return std::nullopt;
            return not_a_key(text);
        case text_kind::cidr:
            if (is_cidr(text)) return std::nullopt;
            return in_quotes(text) + " is not a network such as 10.0.0.0/8 or fd00::/8";
    }
    return std::nullopt;
}

std::optional<std::string> check_entry(
    map_kind kind, const std::string& key, const std::string& value
) {
    if (kind == map_kind::properties) return check_text(text_kind::value_template, value);
    if (!is_qualified_name(key)) return not_a_key(key);
    if (kind == map_kind::labels && !is_label_value(value)) {
        return in_quotes(value) +
               " is not the value of a label: letters, digits, '-', '_' and '.', beginning and "
               "ending with a letter or digit, at most 63 characters";
    }
    if (kind == map_kind::annotations && count_characters(value) > max_annotation) {
        return "is longer than 4096 characters";
    }
    if (kind == map_kind::quantities && !is_quantity(value)) {
        return in_quotes(value) + " is not a quantity such as 100m, 0.5 or 64Mi";
    }
    return std::nullopt;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 64;
    std::string json;
    // Cut between characters, not inside one.
    std::size_t end = 0;
    while (end < text.size()) {
        const auto next =
            end + std::max<std::size_t>(base::utf8_sequence_length(text.substr(end)), 1);
        if (next > longest) break;
        end = next;
    }
    base::append_visible_string(json, text.substr(0, end));
    json.front() = '\'';
    json.back() = '\'';
    return end < text.size() ? json + "..." : json;
}

}  // namespace pgw::manifest
