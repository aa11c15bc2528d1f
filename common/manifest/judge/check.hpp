// The rules of single fields, applied to a gateway in memory.
#pragma once

#include "common/manifest/judge/problem.hpp"
#include "common/manifest/model/gateway.hpp"

#include <vector>

namespace pgw::manifest {

/// Appends a problem for every field that breaks its row's rule.
void check_fields(const gateway& gateway, std::vector<problem>& problems);

}  // namespace pgw::manifest
