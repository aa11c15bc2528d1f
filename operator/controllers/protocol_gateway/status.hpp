// The status of a gateway, from what is known of it. Pure.
#pragma once

#include "operator/controllers/protocol_gateway/desire.hpp"

#include <string>
#include <vector>

namespace pgw::controllers {

enum class verdict : std::uint8_t { yes, no, unknown };

struct condition {
    std::string type;
    verdict status = verdict::unknown;
    std::string reason;   ///< CamelCase, never empty.
    std::string message;  ///< A sentence that the user can act on; may be empty.
};

/// What went wrong while the objects were applied.
struct apply_problems {
    std::vector<std::string> name_conflicts;  ///< `Service x exists and is not this gateway's`.
    std::string rejected;  ///< The pod template, in the API server's words; empty: accepted.
};

struct status_input {
    explicit status_input(const gateway_entry& e) : entry(e) {}

    const gateway_entry& entry;                  ///< Has a record.
    const manifest::gateway* gateway = nullptr;  ///< nullptr: the spec is invalid.
    std::vector<std::string> problems;           ///< Why it is invalid.
    std::string target;  ///< The revision that shards should have; empty: none yet.
    std::string target_image;
    std::string default_image;
    std::string version;  ///< Of the operator: what a new gateway would get.
    rollout_input rollout;
    rollout_plan plan;
    apply_problems applied;
    std::vector<std::string> foreign_scalers;
    bool pod_monitors_missing = false;  ///< Asked for, and the cluster has no such resource.
    bool overdue = false;               ///< A shard is on its way for longer than the deadline.
    base::time_point now{};
    bool may_move_connections = true;  ///< A minute has passed since they were last written.
};

/// The status to apply: all its fields, transition times carried over from `previous` where a
/// condition's status did not change. `now_text` is RFC 3339.
json::object build_status(
    const status_input& input, const json::object& previous, const std::string& now_text
);

/// Whether the number of connections has moved enough to be written: by a tenth, or to or from
/// none.
bool connections_moved(const status_input& input, const json::object& previous);

/// Whether writing `next` over `previous` would change anything.
bool status_differs(const json::object& previous, const json::object& next);

/// The conditions whose status differs, as (before, now): for events.
struct transition {
    std::string type;
    std::string from;  ///< Empty: there was none.
    std::string to;
    std::string reason;
    std::string message;
};
std::vector<transition> transitions(const json::object& previous, const json::object& next);

}  // namespace pgw::controllers
