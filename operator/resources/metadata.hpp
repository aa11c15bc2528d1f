// What every object of a gateway carries.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "operator/resources/canonical.hpp"
#include "operator/resources/names.hpp"

namespace pgw::resources {

/// Name, namespace, labels and the controlling owner reference.
json::object metadata_of(const gateway_ref& owner, std::string name);
/// The labels that all objects of a gateway carry.
json::object common_labels(const gateway_ref& owner);
/// The labels by which Services and policies find a gateway's pods.
json::object pod_labels(std::string_view gateway);

json::object to_object(const manifest::string_map& map);
/// Adds, and replaces what is there.
void add_all(json::object& target, const manifest::string_map& map);

}  // namespace pgw::resources
