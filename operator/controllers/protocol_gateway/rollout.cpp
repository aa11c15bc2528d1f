// The plan.
#include "operator/controllers/protocol_gateway/rollout.hpp"

#include <algorithm>
#include <tuple>

namespace pgw::controllers {

namespace {

bool on_its_way(const shard_view& shard, const std::string& target) {
    return shard.revision == target && (!shard.settled || !shard.rolled_from.empty());
}

// Whether the loss of upstreams is the roll's: shards that were not rolled still have them.
bool is_worse(const rollout_input& input, const shard_view& shard) {
    if (shard.rolled_from.empty() || !shard.settled) return false;
    if (shard.upstreams != reachability::unreachable) return false;
    return std::none_of(input.shards.begin(), input.shards.end(), [&](const auto& other) {
        return other.revision != input.target && other.upstreams == reachability::unreachable;
    });
}

std::vector<const shard_view*> victims(const rollout_input& input) {
    std::vector<const shard_view*> ordered;
    for (const auto& shard : input.shards) ordered.push_back(&shard);
    std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
        return std::tuple(a->available, a->clients, b->index) <
               std::tuple(b->available, b->clients, a->index);
    });
    ordered.resize(input.shards.size() > input.desired ? input.shards.size() - input.desired : 0);
    if (input.retire_singly && !ordered.empty()) ordered.resize(input.occupied.empty() ? 1 : 0);
    return ordered;
}

void plan_new(const rollout_input& input, rollout_plan& plan) {
    std::set<std::uint32_t> used = input.occupied;
    for (const auto& shard : input.shards) used.insert(shard.index);
    std::uint32_t next = 0;
    for (auto count = input.shards.size(); count < input.desired; ++count) {
        while (used.contains(next)) ++next;
        const bool unproved = input.stopped || plan.rolling;
        plan.create.push_back(
            {next, unproved && !input.fallback.empty() ? input.fallback : input.target, {}}
        );
        used.insert(next);
    }
}

}  // namespace

rollout_plan plan_rollout(const rollout_input& input) {
    rollout_plan plan;
    const auto retired = victims(input);
    for (const auto* shard : retired) plan.retire.push_back(shard->index);
    std::vector<const shard_view*> kept;
    for (const auto& shard : input.shards) {
        if (std::find(retired.begin(), retired.end(), &shard) == retired.end()) {
            kept.push_back(&shard);
        }
    }

    std::vector<const shard_view*> waiting;
    for (const auto* shard : kept) {
        if (shard->revision != input.target) {
            plan.rolling = true;
            waiting.push_back(shard);
            continue;
        }
        if (!plan.put_back && is_worse(input, *shard)) {
            plan.put_back = shard_change{shard->index, shard->rolled_from, {}};
        } else if (shard->settled && !shard->rolled_from.empty() &&
                   shard->upstreams == reachability::reachable) {
            plan.update.push_back({shard->index, input.target, {}});  // judged: as good as before
        } else if (on_its_way(*shard, input.target)) {
            plan.rolling = true;
            ++plan.in_flight;
        }
    }
    plan_new(input, plan);
    if (input.stopped || plan.put_back) return plan;

    std::sort(waiting.begin(), waiting.end(), [](const auto* a, const auto* b) {
        return std::tuple(a->available, a->settled, a->index) <
               std::tuple(b->available, b->settled, b->index);
    });
    for (const auto* shard : waiting) {
        if (shard->available && plan.in_flight >= input.max_concurrent) continue;
        const bool was_good = shard->settled && shard->upstreams == reachability::reachable;
        plan.update.push_back(
            {shard->index, input.target, was_good ? shard->revision : shard->rolled_from}
        );
        ++plan.in_flight;
    }
    return plan;
}

}  // namespace pgw::controllers
