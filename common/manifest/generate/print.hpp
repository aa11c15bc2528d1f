// The effective manifest as text.
#pragma once

#include "common/manifest/model/gateway.hpp"

#include <string>

namespace pgw::manifest {

/// The effective manifest with all defaults written out, as YAML. It holds no secrets: the spec
/// only refers to them.
std::string print_manifest(const gateway& gateway);

/// The same as JSON, for /config.
std::string print_manifest_json(const gateway& gateway);

}  // namespace pgw::manifest
