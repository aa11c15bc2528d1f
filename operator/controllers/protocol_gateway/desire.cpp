// Desire.
#include "operator/controllers/protocol_gateway/desire.hpp"

#include <algorithm>
#include <map>

namespace pgw::controllers {

namespace {

const child* find_revision(const gateway_entry& entry, const std::string& hash) {
    for (const auto& c : entry.children) {
        if (c.kind == child_kind::revision && c.revision == hash && !c.deleting) return &c;
    }
    return nullptr;
}

bool is_ours(const gateway_entry& entry, const child& c) {
    return entry.record && c.owner_uid == entry.record->ref.uid;
}

// A worker that cannot be asked delays nothing: after a while it counts as no worse than before.
reachability judge(const gateway_entry& entry, const pod& p, base::time_point now) {
    const auto* polled = entry.report_of(p.uid);
    if (polled == nullptr) return reachability::unknown;
    const bool lasting = now - polled->since >= upstream_hysteresis;
    if (!polled->report) return lasting ? reachability::reachable : reachability::unknown;
    const auto all = polled->report->upstreams_reachable();
    if (!all || *all) return reachability::reachable;
    return lasting ? reachability::unreachable : reachability::unknown;
}

}  // namespace

const child* newest_revision(const gateway_entry& entry) {
    const child* newest = nullptr;
    for (const auto& c : entry.children) {
        if (c.kind != child_kind::revision || c.deleting || !is_ours(entry, c)) continue;
        if (newest == nullptr || c.created > newest->created) newest = &c;
    }
    return newest;
}

const child* proved_revision(const gateway_entry& entry, const std::string& except) {
    std::map<std::string, std::size_t> shards;
    for (const auto& c : entry.children) {
        if (c.shard && c.shard->available && c.shard->revision != except)
            ++shards[c.shard->revision];
    }
    const child* best = nullptr;
    std::size_t most = 0;
    for (const auto& [hash, count] : shards) {
        const auto* revision = find_revision(entry, hash);
        if (revision != nullptr && count > most) {
            best = revision;
            most = count;
        }
    }
    return best;
}

std::string choose_image(
    const manifest::gateway& gateway, const gateway_entry& entry, const std::string& default_image
) {
    if (!gateway.worker.image.empty()) return gateway.worker.image;
    if (gateway.worker.upgrade_policy == manifest::upgrade_policy::automatic) return default_image;
    const auto* running = proved_revision(entry, {});
    if (running == nullptr) running = newest_revision(entry);
    return running == nullptr ? default_image : running->image;
}

std::uint32_t effective_shards(const manifest::gateway& gateway) noexcept {
    // Zero is a wish of its own: stopped, whatever an autoscaler's bounds are.
    if (!gateway.autoscaling || gateway.shards == 0) return gateway.shards;
    return std::clamp(
        gateway.shards, gateway.autoscaling->min_shards, gateway.autoscaling->max_shards
    );
}

std::vector<std::string> foreign_scalers(const gateway_entry& entry) {
    std::vector<std::string> names;
    for (const auto& s : entry.scalers) {
        if (!entry.record || s.controller_uid != entry.record->ref.uid) names.push_back(s.name);
    }
    return names;
}

void view_shards(const gateway_entry& entry, base::time_point now, rollout_input& input) {
    std::map<std::uint32_t, std::size_t> live_pods;
    for (const auto& p : entry.pods) {
        if (!p.finished) ++live_pods[p.shard];
    }
    for (const auto& c : entry.children) {
        if (!c.shard || !is_ours(entry, c)) continue;
        if (c.deleting) {
            input.occupied.insert(c.shard->index);
            continue;
        }
        shard_view view;
        view.index = c.shard->index;
        view.revision = c.shard->revision;
        view.rolled_from = c.shard->rolled_from;
        view.available = c.shard->available;
        view.problem = c.shard->problem;
        // The Deployment does not count pods that are Terminating: a shard's roll ends when its old
        // pod has drained.
        view.settled = c.shard->settled && live_pods[view.index] <= 1;
        for (const auto& p : entry.pods) {
            if (p.shard != view.index || p.terminating || p.finished) continue;
            if (const auto* polled = entry.report_of(p.uid); polled && polled->report) {
                view.clients += polled->report->clients;
            }
            if (p.revision == view.revision) view.upstreams = judge(entry, p, now);
            if (view.problem.empty()) view.problem = p.problem;
        }
        live_pods.erase(view.index);
        input.shards.push_back(std::move(view));
    }
    for (const auto& [index, count] : live_pods) {
        if (count > 0) input.occupied.insert(index);
    }
    std::sort(input.shards.begin(), input.shards.end(), [](const auto& a, const auto& b) {
        return a.index < b.index;
    });
}

}  // namespace pgw::controllers
