// What differs between two specifications, by the marks of the field tables.
#pragma once

#include "common/manifest/model/gateway.hpp"

#include <set>
#include <string>
#include <vector>

namespace pgw::manifest {

/// The fields of worker scope that a running worker takes over, without list positions:
/// `spec.logging.level`, `spec.upstreams[].limits.qos0Wait`.
std::set<std::string> live_fields();

/// The paths of what differs and needs a new worker, such as `spec.listeners[0].port`. Fields that
/// are live, or that only the operator obeys, may differ. Empty: `to` can be taken over as it is.
std::vector<std::string> roll_differences(const gateway& from, const gateway& to);

}  // namespace pgw::manifest
