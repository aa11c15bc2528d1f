// The rules that span fields, as CEL expressions of the CRD: what validate.cpp and route_rules.cpp
// say to a worker. The verdict test (tests/cluster) holds the two against each other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgw::manifest {

/// One of x-kubernetes-validations.
struct cel_rule {
    std::string path;     ///< Where `self` is: `spec.upstreams[].limits`; empty: the whole object.
    std::string rule;     ///< True where all is well.
    std::string message;  ///< As the worker words it.
    std::string field_path;  ///< What is wrong, below `self`: `.reconnectInitial`; empty: self.
};

/// In the order they are checked.
const std::vector<cel_rule>& cel_rules();

}  // namespace pgw::manifest
