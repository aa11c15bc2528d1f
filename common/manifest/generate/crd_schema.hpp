// The schemas of single values in the CRD, by the rules of their rows.
#pragma once

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/model/schema.hpp"

#include <boost/json.hpp>

#include <string>

namespace pgw::manifest {

/// Appends to x-kubernetes-validations. Empty: no message, no field path.
void add_validation(
    boost::json::object& schema,
    const std::string& rule,
    const std::string& message,
    const std::string& field_path = {}
);

boost::json::object schema_of(const number_rule& rule);
boost::json::object schema_of(const size_rule& rule);
boost::json::object schema_of(const time_rule& rule);
boost::json::object schema_of(const text_rule& rule);
boost::json::object schema_of(const endpoint_rule& rule);
boost::json::object schema_of(const map_rule& rule);
boost::json::object schema_of(const object_rule& rule);

template <class ItemRule>
boost::json::object schema_of(const list_rule<ItemRule>& rule, boost::json::object items) {
    boost::json::object schema{{"type", "array"}};
    if (rule.minimum > 0) schema["minItems"] = rule.minimum;
    schema["maxItems"] = rule.maximum;
    schema["x-kubernetes-list-type"] = rule.by_name ? "map" : "atomic";
    if (rule.by_name) schema["x-kubernetes-list-map-keys"] = boost::json::array{"name"};
    schema["items"] = std::move(items);
    return schema;
}

}  // namespace pgw::manifest
