// Which shards are made, updated, put back and retired next. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgw::controllers {

enum class reachability : std::uint8_t { unknown, reachable, unreachable };

/// One shard as it stands.
struct shard_view {
    std::uint32_t index = 0;
    std::string revision;
    std::string rolled_from;  ///< Its revision before, while its upstreams are still to be judged.
    bool available = false;   ///< Some pod of it serves.
    bool settled = false;     ///< Its pod has its revision and serves, and no older pod is left.
    std::int64_t clients = 0;
    std::string problem;                             ///< Why it has no pod that runs.
    reachability upstreams = reachability::unknown;  ///< As its pod has reported for long enough.
};

struct rollout_input {
    std::vector<shard_view> shards;  ///< Deployments that exist and are not being deleted.
    /// Indices whose Deployment is gone or going and which still have pods or it.
    std::set<std::uint32_t> occupied;
    std::uint32_t desired = 0;
    std::string target;  ///< The revision that every shard should have.
    /// What a new shard gets while the target is not proved; empty: the target.
    std::string fallback;
    bool stopped = false;  ///< The target's rollout was stopped.
    std::uint32_t max_concurrent = 1;
    bool retire_singly = false;  ///< One shard at a time, each to its end.
};

struct shard_change {
    std::uint32_t index = 0;
    std::string revision;
    std::string rolled_from;
    bool operator==(const shard_change&) const = default;
};

struct rollout_plan {
    std::vector<shard_change> create;
    std::vector<shard_change> update;  ///< To the target; or only its `rolled_from` changes.
    std::vector<std::uint32_t> retire;
    std::optional<shard_change> put_back;  ///< And the target's rollout stops.
    /// Shards on their way to the target, those of this plan included.
    std::uint32_t in_flight = 0;
    bool rolling = false;  ///< A shard does not have the target, or is on its way to it.
};

/// - A shard that serves nothing is updated at once: it has nothing to lose, and it must not wait
///   for itself. One whose previous roll has not settled is next. Others follow by index, while at
///   most `max_concurrent` are on their way.
/// - A shard whose upstreams were all reachable before its roll and are not after it, while no
///   shard of the old revision has lost them too, is put back.
/// - Retired are shards that do not serve, then those with the fewest clients, then the highest
///   index. An index is used again only when nothing of it is left.
rollout_plan plan_rollout(const rollout_input& input);

}  // namespace pgw::controllers
