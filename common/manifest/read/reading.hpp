// Nodes into single values, with every problem reported: what the view that reads is made of.
#pragma once

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/model/schema.hpp"
#include "common/manifest/read/document.hpp"

#include <charconv>
#include <chrono>
#include <concepts>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::manifest {

/// Problems so far, and the place of everything that was read.
struct reading {
    std::vector<problem> problems;
    std::set<std::string, std::less<>> faulty;  ///< The paths of the problems.
    std::map<std::string, mark, std::less<>> places;

    void report(const std::string& path, std::string text, mark at) {
        problems.push_back({path, std::move(text), at.line, at.column});
        faulty.insert(path);
    }
};

/// Whether the node is of that kind; reports it if not.
bool expect(reading& r, const node& n, const std::string& path, node::kind_type kind);

/// Reports that a field without a value means nothing.
void refuse_null(reading& r, const node& n, const std::string& path);

/// Whether the node is text to every YAML reader; reports it if not.
bool expect_text(reading& r, const node& n, const std::string& path);

/// A scalar without quotes that is one of JSON's integers.
bool is_integer(const node& n);

/// Reports that the node is not one of the names.
void refuse_name(
    reading& r, const node& n, const std::string& path, std::span<const std::string_view> names
);

/// Stores the value if it obeys the rule.
template <class Target, class Value, class Rule>
void accept(
    reading& r,
    const node& n,
    const std::string& path,
    Target& out,
    const Value& value,
    const Rule& rule
) {
    if (auto text = violation(rule, value)) {
        r.report(path, std::move(*text), n.mark);
    } else {
        out = static_cast<Target>(value);
    }
}

template <std::integral T>
void read_value(
    reading& r, const node& n, const std::string& path, T& out, const number_rule& rule
) {
    std::int64_t value = 0;
    const auto* const end = n.scalar.data() + n.scalar.size();
    const auto parsed = std::from_chars(n.scalar.data(), end, value);
    if (n.kind == node::kind_type::plain && parsed.ec == std::errc::result_out_of_range) {
        r.report(path, in_quotes(n.scalar) + " is not in " + range_text(rule), n.mark);
    } else if (!is_integer(n)) {
        r.report(path, "must be a whole number without quotes", n.mark);
    } else {
        accept(r, n, path, out, value, rule);
    }
}

template <std::unsigned_integral T>
void read_value(reading& r, const node& n, const std::string& path, T& out, const size_rule& rule) {
    const auto is_size = n.kind == node::kind_type::text || is_integer(n) ||
                         (n.kind == node::kind_type::plain && !n.scalar.starts_with('0'));
    const auto value = is_size ? parse_size(n.scalar) : std::nullopt;
    if (!value) {
        r.report(path, "must be a size such as 65536, 64Ki, 16Mi or 1G", n.mark);
    } else {
        accept(r, n, path, out, *value, rule);
    }
}

template <class Rep, class Period>
void read_value(
    reading& r,
    const node& n,
    const std::string& path,
    std::chrono::duration<Rep, Period>& out,
    const time_rule& rule
) {
    const auto value = n.is_scalar() ? parse_duration(n.scalar) : std::nullopt;
    if (!value) {
        r.report(path, "must be a duration with its unit, such as 250ms, 30s, 5m or 1m30s", n.mark);
    } else if (auto text = violation(rule, *value)) {
        r.report(path, std::move(*text), n.mark);
    } else {
        out = std::chrono::floor<std::chrono::duration<Rep, Period>>(*value);
    }
}

void read_value(
    reading& r, const node& n, const std::string& path, std::string& out, const text_rule& rule
);
void read_value(
    reading& r, const node& n, const std::string& path, std::string& out, const object_rule& rule
);
void read_value(
    reading& r, const node& n, const std::string& path, endpoint& out, const endpoint_rule& rule
);
void read_value(
    reading& r, const node& n, const std::string& path, string_map& out, const map_rule& rule
);

template <class Enum>
    requires std::is_enum_v<Enum>
void read_value(reading& r, const node& n, const std::string& path, Enum& out, const no_rule&) {
    std::vector<std::string_view> names;
    for (const auto& row : enum_table<Enum>::rows) {
        if (n.is_scalar() && row.name == n.scalar) {
            if (expect_text(r, n, path)) out = row.value;
            return;
        }
        names.push_back(row.name);
    }
    refuse_name(r, n, path, names);
}

}  // namespace pgw::manifest
