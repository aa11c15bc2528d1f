// Field values as JSON, by their rules: for printing and for the defaults in the reference.
#pragma once

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/model/fields.hpp"
#include "common/manifest/read/free_form.hpp"

#include <boost/json.hpp>

namespace pgw::manifest {

template <described T>
boost::json::object object_to_json(const T& value);

template <std::integral T>
boost::json::value to_json(T value, const number_rule&) {
    return static_cast<std::int64_t>(value);
}
template <std::unsigned_integral T>
boost::json::value to_json(T value, const size_rule&) {
    return boost::json::value(print_size(value));
}
inline boost::json::value to_json(base::milliseconds value, const time_rule&) {
    return boost::json::value(print_duration(value));
}
inline boost::json::value to_json(const std::string& value, const text_rule&) {
    return boost::json::value(value);
}
inline boost::json::value to_json(const endpoint& value, const endpoint_rule&) {
    return boost::json::value(print_endpoint(value));
}
template <class Enum>
    requires std::is_enum_v<Enum>
boost::json::value to_json(Enum value, const no_rule&) {
    return boost::json::value(enum_text(value));
}
inline boost::json::value to_json(const string_map& value, const map_rule&) {
    boost::json::object object;
    for (const auto& [key, text] : value) object[key] = text;
    return object;
}
template <described T>
boost::json::value to_json(const T& value, const no_rule&) {
    return object_to_json(value);
}
template <class T, class ItemRule>
boost::json::value to_json(const std::vector<T>& value, const list_rule<ItemRule>& rule) {
    boost::json::array array;
    for (const auto& item : value) array.push_back(to_json(item, rule.item));
    return array;
}

inline boost::json::value to_json(const std::string& value, const object_rule&) {
    return value.empty() ? boost::json::object() : parse_free_form(value);
}

/// The view that prints. Optional fields without a value are left out.
template <class Owner>
class printing_view {
public:
    printing_view(boost::json::object& out, const Owner& owner) : out_(out), owner_(owner) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::* member, const Rule& rule, const Only& only = {}) {
        if (applies(owner_, only)) put(info.name, owner_.*member, rule);
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& only = {}) {
        if (!applies(owner_, only)) return;
        boost::json::object object;
        printing_view inner(object, owner_);
        describe(inner);
        out_[info.name] = std::move(object);
    }
    void constant(const field_info& info, std::string_view text) { out_[info.name] = text; }
    void ignored(const field_info&) {}

private:
    template <class T, class Rule>
    void put(std::string_view name, const T& value, const Rule& rule) {
        out_[name] = to_json(value, rule);
    }
    template <class T, class Rule>
    void put(std::string_view name, const std::optional<T>& value, const Rule& rule) {
        if (value) put(name, *value, rule);
    }

    boost::json::object& out_;
    const Owner& owner_;
};

template <described T>
boost::json::object object_to_json(const T& value) {
    boost::json::object object;
    printing_view<T> view(object, value);
    schema<T>::describe(view);
    return object;
}

}  // namespace pgw::manifest
