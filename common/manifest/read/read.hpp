// Manifest text → manifest::gateway, with every problem at once.
#pragma once

#include "common/manifest/judge/problem.hpp"
#include "common/manifest/model/gateway.hpp"

#include <string_view>
#include <variant>
#include <vector>

namespace pgw::manifest {

using read_result = std::variant<gateway, std::vector<problem>>;

/// Reads YAML (JSON is YAML). At most 1 MiB and 100,000 nodes; aliases and anchors are refused;
/// unknown fields are errors. Never throws.
read_result read_manifest(std::string_view text);

}  // namespace pgw::manifest
