// Comparing intent with reality.
#include "operator/resources/contains.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace pgw::resources {

namespace {

constexpr std::array<std::string_view, 4> item_keys{"name", "uid", "mountPath", "containerPort"};

bool is_nothing(const json::value& value) {
    if (value.is_null()) return true;
    if (const auto* object = value.if_object()) {
        for (const auto& member : *object) {
            if (!is_nothing(member.value())) return false;
        }
        return true;
    }
    if (const auto* array = value.if_array()) return array->empty();
    if (const auto* text = value.if_string()) return text->empty();
    return false;
}

// The key by which the items of a list are told apart, if they all have one.
std::optional<std::string_view> item_key(const json::array& items) {
    for (const auto key : item_keys) {
        bool all = !items.empty();
        for (const auto& item : items) {
            const auto* object = item.if_object();
            all = all && object != nullptr && object->contains(key);
        }
        if (all) return key;
    }
    return std::nullopt;
}

bool contains_items(const json::array& live, const json::array& desired) {
    const auto key = item_key(desired);
    if (!key) {
        if (live.size() != desired.size()) return false;
        for (std::size_t i = 0; i < desired.size(); ++i) {
            if (!contains(live[i], desired[i])) return false;
        }
        return true;
    }
    for (const auto& wanted : desired) {
        bool found = false;
        for (const auto& item : live) {
            const auto* object = item.if_object();
            const auto* id = object == nullptr ? nullptr : object->if_contains(*key);
            if (id == nullptr || *id != wanted.get_object().at(*key)) continue;
            found = contains(item, wanted);
            if (found) break;
        }
        if (!found) return false;
    }
    return true;
}

struct quantity_unit {
    std::string_view suffix;
    double factor;
};
constexpr std::array quantity_units{
    quantity_unit{"", 1},
    quantity_unit{"m", 1e-3},
    quantity_unit{"u", 1e-6},
    quantity_unit{"n", 1e-9},
    quantity_unit{"k", 1e3},
    quantity_unit{"M", 1e6},
    quantity_unit{"G", 1e9},
    quantity_unit{"T", 1e12},
    quantity_unit{"P", 1e15},
    quantity_unit{"E", 1e18},
    quantity_unit{"Ki", 0x1p10},
    quantity_unit{"Mi", 0x1p20},
    quantity_unit{"Gi", 0x1p30},
    quantity_unit{"Ti", 0x1p40},
    quantity_unit{"Pi", 0x1p50},
    quantity_unit{"Ei", 0x1p60}
};

std::optional<double> parse_quantity(std::string_view text) {
    double number = 0;
    const auto* const end = text.end();
    const auto parsed = std::from_chars(text.begin(), end, number);
    if (parsed.ec != std::errc{}) return std::nullopt;
    const std::string_view suffix(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
    for (const auto& unit : quantity_units) {
        if (unit.suffix == suffix) return number * unit.factor;
    }
    return std::nullopt;
}

}  // namespace

bool same_quantity(std::string_view a, std::string_view b) {
    const auto left = parse_quantity(a);
    const auto right = parse_quantity(b);
    if (!left || !right) return false;
    return std::abs(*left - *right) <= 1e-12 * std::max(std::abs(*left), std::abs(*right));
}

bool contains(const json::value& live, const json::value& desired) {
    if (const auto* wanted = desired.if_object()) {
        const auto* object = live.if_object();
        if (object == nullptr) return is_nothing(desired);
        for (const auto& [key, value] : *wanted) {
            const auto* found = object->if_contains(key);
            if (found == nullptr ? !is_nothing(value) : !contains(*found, value)) return false;
        }
        return true;
    }
    if (const auto* wanted = desired.if_array()) {
        const auto* items = live.if_array();
        return items == nullptr ? wanted->empty() : contains_items(*items, *wanted);
    }
    if (live == desired) return true;
    if (live.is_string() && desired.is_string()) {
        const auto& a = live.get_string();
        const auto& b = desired.get_string();
        return same_quantity({a.data(), a.size()}, {b.data(), b.size()});
    }
    return live.is_null() && is_nothing(desired);
}

}  // namespace pgw::resources
