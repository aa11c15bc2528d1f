// Whether a value obeys its row's rule, in words for the user.
#pragma once

#include "common/manifest/model/schema.hpp"
#include "common/manifest/text/scalars.hpp"

#include <concepts>
#include <optional>
#include <string>

namespace pgw::manifest {

inline std::string range_text(const number_rule& rule) {
    return std::to_string(rule.minimum) + ".." + std::to_string(rule.maximum);
}
inline std::string range_text(const size_rule& rule) {
    return print_size(rule.minimum) + ".." + print_size(rule.maximum);
}
inline std::string range_text(const time_rule& rule) {
    return print_duration(rule.minimum) + ".." + print_duration(rule.maximum);
}

template <class Rule, class Value>
std::optional<std::string> outside(const Rule& rule, const Value& value, const std::string& text) {
    if (value >= rule.minimum && value <= rule.maximum) return std::nullopt;
    return text + " is not in " + range_text(rule);
}

inline std::optional<std::string> violation(const number_rule& rule, std::int64_t value) {
    return outside(rule, value, std::to_string(value));
}
inline std::optional<std::string> violation(const size_rule& rule, std::uint64_t value) {
    return outside(rule, value, print_size(value));
}
inline std::optional<std::string> violation(const time_rule& rule, base::milliseconds value) {
    if (rule.whole_seconds && value.count() % 1000 != 0) return "must be a whole number of seconds";
    return outside(rule, value, print_duration(value));
}
inline std::optional<std::string> violation(const text_rule& rule, const std::string& value) {
    return check_text(rule.kind, value);
}
inline std::optional<std::string> violation(const map_rule& rule, std::size_t size) {
    if (size > rule.maximum) return "has more than " + std::to_string(rule.maximum) + " members";
    return std::nullopt;
}
inline std::optional<std::string> violation(const object_rule& rule, const std::string& value) {
    if (value.size() <= rule.maximum) return std::nullopt;
    return "is longer than " + std::to_string(rule.maximum) + " bytes of JSON";
}
template <class ItemRule>
std::optional<std::string> violation(const list_rule<ItemRule>& rule, std::size_t size) {
    if (size < rule.minimum) return "must not be empty";
    if (size > rule.maximum) return "has more than " + std::to_string(rule.maximum) + " items";
    return std::nullopt;
}

/// Whether the field belongs to the alternative of the union that `owner` is.
template <class Owner>
bool applies(const Owner&, const always&) {
    return true;
}
template <class Owner, class Enum>
bool applies(const Owner& owner, const only_for<Owner, Enum>& only) {
    return owner.*only.type == only.value;
}

/// The path of a field below `parent`.
inline std::string below(const std::string& parent, std::string_view name) {
    return parent.empty() ? std::string(name) : parent + "." + std::string(name);
}
inline std::string at_index(const std::string& parent, std::size_t index) {
    return parent + "[" + std::to_string(index) + "]";
}

}  // namespace pgw::manifest
