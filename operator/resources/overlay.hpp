// Laying the user's partial pod template over ours.
#pragma once

#include "operator/resources/canonical.hpp"

#include <string>

namespace pgw::resources {

/// Objects merge member by member; lists whose items have names (containers, env, volumes,
/// volumeMounts by mountPath, ports by containerPort) merge item by item, new items are appended;
/// everything else is replaced. A member that is null is removed.
void lay_over(json::value& base, const json::value& overlay);

}  // namespace pgw::resources
