// JSON as YAML that is good to read.
#pragma once

#include <boost/json.hpp>

#include <string>

namespace pgw::manifest {

/// Reads back to the same object with every YAML reader, read_manifest's and Kubernetes' included.
std::string to_yaml(const boost::json::object& object);

}  // namespace pgw::manifest
