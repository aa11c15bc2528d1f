// The single conditions, each a verdict over what is known. Pure.
#pragma once

#include "operator/controllers/protocol_gateway/status.hpp"

namespace pgw::controllers {

/// Whether every ready worker was asked for its status since it, or we, began.
bool all_asked(const gateway_entry& entry);

/// In the order in which they stand in the status: Ready and Available first. Reconciling and
/// Stalled are only there while they hold (kstatus).
std::vector<condition> judge_conditions(const status_input& input, std::uint32_t desired);

}  // namespace pgw::controllers
