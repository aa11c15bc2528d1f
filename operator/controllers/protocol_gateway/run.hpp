// What one reconcile carries from step to step.
#pragma once

#include "operator/controllers/protocol_gateway/reconciler.hpp"
#include "operator/resources/revision.hpp"

#include <map>

namespace pgw::controllers {

struct reconciler::run {
    std::string key;
    base::time_point now{};
    resources::gateway_ref owner;
    bool paused = false;
    controllers::gated gated;
    std::optional<resources::revision_inputs> inputs;  ///< Refers to `gated`.
    std::string target;
    std::string image;
    std::vector<std::string> foreign_scalers;
    base::milliseconds deadline{600'000};
    rollout_input rollout;
    rollout_plan plan;
    apply_problems applied;
    std::map<std::string, resources::revision> revisions;  ///< Read or made in this run.
    std::string failure;                                   ///< Worth a retry.
    bool changed = false;                                  ///< Something was written.
    bool ending = false;                                   ///< The namespace is being deleted.
    bool moving = false;                                   ///< Something is on its way.
    /// Until the number of connections, which has moved, may be written again.
    std::optional<base::milliseconds> connections_wait;
};

}  // namespace pgw::controllers
