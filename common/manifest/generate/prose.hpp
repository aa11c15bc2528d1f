// What the field tables say in words, for the reference page and for the CRD's descriptions.
#pragma once

#include "common/manifest/generate/to_json.hpp"

#include <optional>
#include <string>
#include <type_traits>

namespace pgw::manifest {

/// What enum values mean, each after `separator`; nothing for other types.
template <class T>
struct enum_prose {
    static std::string text(std::string_view) { return {}; }
};
template <class Enum>
    requires std::is_enum_v<Enum>
struct enum_prose<Enum> {
    static std::string text(std::string_view separator) {
        std::string text;
        for (const auto& row : enum_table<Enum>::rows) {
            text += separator;
            text += "`" + std::string(row.name) + "`: " + std::string(row.text);
        }
        return text;
    }
};
template <class T>
struct enum_prose<std::optional<T>> : enum_prose<T> {};

/// The default as a manifest would write it; empty for objects, which have those of their fields.
template <class T, class Rule>
std::string default_text(const T& value, const Rule& rule) {
    if constexpr (described<T>) {
        return {};
    } else {
        const auto json = to_json(value, rule);
        if (const auto* text = json.if_string()) {
            return text->empty() ? "empty" : "`" + std::string(*text) + "`";
        }
        return "`" + boost::json::serialize(json) + "`";
    }
}
template <class T, class Rule>
std::string default_text(const std::optional<T>&, const Rule&) {
    return "none";
}

template <class Owner>
std::string only_text(const always&) {
    return {};
}
template <class Owner, class Enum>
std::string only_text(const only_for<Owner, Enum>& only) {
    return " With type `" + std::string(enum_text(only.value)) + "` only.";
}

}  // namespace pgw::manifest
