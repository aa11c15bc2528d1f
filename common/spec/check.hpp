// The rules of single fields, applied to a gateway in memory.
#pragma once

#include "common/spec/read.hpp"

#include <vector>

namespace pgw::spec {

/// Appends a problem for every field that breaks its row's rule.
void check_fields(const gateway& gateway, std::vector<problem>& problems);

}  // namespace pgw::spec
