// The rules that span fields.
#pragma once

#include "common/manifest/judge/problem.hpp"
#include "common/manifest/model/gateway.hpp"

#include <vector>

namespace pgw::manifest {

/// The rules that span fields: names that resolve, templates that parse, addresses that the profile
/// can serve. Called by read_manifest.
std::vector<problem> validate(const gateway& gateway);

}  // namespace pgw::manifest
