// The rules of routes: templates, variables, and what their upstream can serve.
#pragma once

#include "common/manifest/judge/problem.hpp"
#include "common/manifest/model/gateway.hpp"

#include <array>
#include <string_view>
#include <vector>

namespace pgw::manifest {

/// Variables that every value template may use. A topic template may not bind them.
inline constexpr std::array<std::string_view, 5> builtin_variables{
    "clientId", "identity", "userName", "listener", "topic"
};

/// Appends what is wrong with the publish routes beyond single fields.
void check_routes(const gateway& gateway, std::vector<problem>& problems);

}  // namespace pgw::manifest
