// Whether a live object still says what was applied.
#pragma once

#include "operator/resources/canonical.hpp"

namespace pgw::resources {

/// Whether everything in `desired` stands in `live`, which may hold more: what the API server
/// defaults and what others own. Lists whose items have a `name`, `uid`, `mountPath` or
/// `containerPort` are compared by it, others item by item. Quantities are compared by value
/// (`1000m` is `1`), empty lists, objects and strings are as good as none.
bool contains(const json::value& live, const json::value& desired);

/// Whether two texts are one resource quantity.
bool same_quantity(std::string_view a, std::string_view b);

}  // namespace pgw::resources
