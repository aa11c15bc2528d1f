// The reconciler.
#include "operator/controllers/protocol_gateway/reconciler.hpp"

#include "operator/controllers/protocol_gateway/clock_text.hpp"
#include "operator/controllers/protocol_gateway/desire.hpp"
#include "operator/controllers/protocol_gateway/run.hpp"
#include "operator/resources/deployment.hpp"

#include <algorithm>

namespace pgw::controllers {

using resources::text_at;

namespace {

constexpr base::seconds connections_interval{60};
/// While something is on its way its end is usually seen by a watch; this is for what is not.
constexpr base::milliseconds progress_interval{10'000};
/// Nobody tells when an object of somebody else is gone.
constexpr base::milliseconds conflict_interval{20'000};

bool is_companion(child_kind kind) {
    return kind != child_kind::deployment && kind != child_kind::revision;
}

}  // namespace

reconciler::reconciler(
    kube::client& client,
    cache& known,
    runtime::event_recorder& events,
    reconciler_options options,
    base::logger log
)
    : client_(client),
      cache_(known),
      applier_(client, known),
      events_(events),
      options_(std::move(options)),
      log_(std::move(log)) {}

void reconciler::record(const run& r, bool warning, std::string reason, std::string note) {
    const auto* entry = cache_.find(r.key);
    runtime::event event;
    event.regarding = {
        gateway_type().api_version(),
        std::string(gateway_type().kind),
        r.owner.ns,
        r.owner.name,
        r.owner.uid,
        entry != nullptr && entry->record ? entry->record->resource_version : std::string()
    };
    event.warning = warning;
    event.reason = std::move(reason);
    event.action = "Reconcile";
    event.note = std::move(note);
    events_.record(event);
}

void reconciler::note(run& r, const ensure_result& result) {
    switch (result.outcome) {
        case ensured::unchanged:
            return;
        case ensured::created:
        case ensured::updated:
            r.changed = true;
            return;
        case ensured::conflict:
            r.applied.name_conflicts.push_back(result.text);
            return;
        case ensured::rejected:
            r.applied.rejected = result.text;
            return;
        case ensured::failed:
            r.failure = result.text;
            return;
        case ensured::ending:
            r.ending = true;
            return;
    }
}

// Everything that the decisions need, from the cache alone.
void reconciler::observe(run& r) {
    const auto& entry = *cache_.find(r.key);
    const auto& record = *entry.record;
    r.owner = record.ref;
    r.paused = record.paused;
    r.gated = gate(record);
    r.rollout = {};
    view_shards(entry, r.now, r.rollout);
    r.foreign_scalers = foreign_scalers(entry);
    if (r.gated.gateway) {
        const auto& gateway = *r.gated.gateway;
        r.inputs.emplace(resources::revision_inputs{
            r.gated.manifest,
            gateway,
            choose_image(gateway, entry, options_.worker_image),
            record.restarted_at
        });
        r.target = resources::revision_hash(*r.inputs);
        r.image = r.inputs->image;
        r.rollout.desired = effective_shards(gateway);
        r.rollout.max_concurrent = gateway.rollout.max_concurrent_shards;
        r.rollout.retire_singly = gateway.autoscaling.has_value();
        r.deadline = gateway.rollout.progress_deadline;
    } else if (const auto* newest = newest_revision(entry)) {
        // What runs keeps running, and keeps being repaired, as it was last valid.
        const auto previous = json::parse(record.status);
        r.target = text_at(previous.as_object(), {"updateRevision"});
        if (r.target.empty()) r.target = newest->revision;
        r.image = newest->image;
        r.rollout.desired = static_cast<std::uint32_t>(r.rollout.shards.size());
    }
    r.rollout.target = r.target;
    for (const auto& c : entry.children) {
        if (c.kind == child_kind::revision && c.revision == r.target && !c.stopped.empty()) {
            r.rollout.stopped = true;
        }
    }
    if (const auto* proved = proved_revision(entry, r.target))
        r.rollout.fallback = proved->revision;
    r.plan = plan_rollout(r.rollout);
}

// Each step is awaited by reconcile, which holds the run.
// NOLINTBEGIN(cppcoreguidelines-avoid-reference-coroutine-parameters)

kube::awaitable<std::optional<resources::revision>> reconciler::load_revision(
    run& r, std::string hash
) {
    if (const auto found = r.revisions.find(hash); found != r.revisions.end()) {
        co_return found->second;
    }
    auto loaded = co_await client_.get(
        type_of(child_kind::revision), r.owner.ns, resources::revision_name(r.owner.name, hash)
    );
    if (!loaded) {
        if (loaded.error().kind != kube::error_kind::not_found) {
            r.failure = kube::to_string(loaded.error());
        }
        co_return std::nullopt;
    }
    auto parsed = resources::parse_revision(loaded->as_object());
    if (parsed) r.revisions.emplace(hash, *parsed);
    co_return parsed;
}

// The target's ConfigMap: made once, from then on only its live-class part follows the gateway.
kube::awaitable<void> reconciler::apply_revision(run& r) {
    if (!r.inputs) co_return;
    const auto name = resources::revision_name(r.owner.name, r.target);
    auto config = resources::render_config(*r.inputs);
    const auto* held = cache_.find(r.key)->find(child_kind::revision, name);
    const bool is_known = held != nullptr && held->owner_uid == r.owner.uid && !held->deleting;
    if (is_known && held->config_hash == resources::hash_text(config) &&
        held->verified == held->content) {
        co_return;
    }
    const std::string stopped = is_known ? held->stopped : std::string();
    std::optional<resources::revision> revision;
    if (is_known) revision = co_await load_revision(r, r.target);
    if (!r.failure.empty()) co_return;
    if (revision) {
        revision->config = std::move(config);
    } else {
        revision = resources::render_revision(*r.inputs);
    }
    auto object = resources::revision_config_map(r.owner, *revision);
    if (!stopped.empty()) {
        object["metadata"].as_object()["annotations"].as_object()[resources::annotation::stopped] =
            stopped;
    }
    const auto result = co_await applier_.ensure(r.owner, child_kind::revision, std::move(object));
    note(r, result);
    if (result.outcome == ensured::created) {
        r.revisions.insert_or_assign(r.target, *revision);
        record(
            r, false, "RevisionCreated", "Revision " + r.target + " with image " + r.image + "."
        );
    }
}

kube::awaitable<void> reconciler::apply_companions(run& r) {
    if (!r.gated.gateway) co_return;
    const auto& gateway = *r.gated.gateway;
    std::vector<std::pair<child_kind, std::string>> wanted;
    for (auto& object :
         resources::companions(r.owner, gateway, features_, r.foreign_scalers.empty())) {
        const auto kind = kind_of(object);
        if (!kind) continue;
        wanted.emplace_back(*kind, text_at(object, {"metadata", "name"}));
        note(r, co_await applier_.ensure(r.owner, *kind, std::move(object)));
        if (r.ending || !r.failure.empty()) co_return;
    }
    std::vector<std::pair<child_kind, std::string>> surplus;
    for (const auto& c : cache_.find(r.key)->children) {
        if (!is_companion(c.kind) || c.deleting || c.owner_uid != r.owner.uid) continue;
        const std::pair id(c.kind, c.name);
        if (std::find(wanted.begin(), wanted.end(), id) == wanted.end()) surplus.push_back(id);
    }
    for (const auto& [kind, name] : surplus) {
        note(r, co_await applier_.remove(r.owner, kind, name));
    }
}

kube::awaitable<void> reconciler::apply_shard(
    run& r, std::uint32_t index, std::string hash, std::string from
) {
    const auto name = resources::deployment_name(r.owner.name, index);
    const auto deadline = std::chrono::ceil<base::seconds>(r.deadline).count();
    const auto revision_id = resources::revision_name(r.owner.name, hash);
    const auto* entry = cache_.find(r.key);
    if (entry == nullptr) co_return;
    // Whether it is as it should be is known without reading the revision, as long as neither has
    // changed since it was verified.
    auto inputs = revision_id + "/" + std::to_string(deadline) + "/" + from;
    for (const auto& c : entry->children) {
        if (c.kind != child_kind::deployment || c.name != name) continue;
        if (c.owner_uid == r.owner.uid && !c.deleting && c.verified == c.content &&
            c.inputs == inputs) {
            co_return;
        }
    }
    const auto revision = co_await load_revision(r, hash);
    if (!revision) {
        if (r.failure.empty()) r.failure = "revision " + hash + " is gone";
        co_return;
    }
    auto object =
        resources::shard_deployment(r.owner, *revision, {index, deadline, std::move(from)});
    const auto result = co_await applier_.ensure(
        r.owner, child_kind::deployment, std::move(object), std::move(inputs)
    );
    note(r, result);
    if (result.outcome == ensured::created) {
        record(
            r, false, "ShardCreated", "Shard " + std::to_string(index) + ", revision " + hash + "."
        );
    }
}

// What exists is kept as its own revision says; then the plan is carried out.
kube::awaitable<void> reconciler::apply_shards(run& r) {
    const auto& plan = r.plan;
    const auto planned = [&](std::uint32_t index) -> const shard_change* {
        if (plan.put_back && plan.put_back->index == index) return &*plan.put_back;
        for (const auto& change : plan.update) {
            if (change.index == index) return &change;
        }
        return nullptr;
    };
    for (const auto& shard : r.rollout.shards) {
        if (std::find(plan.retire.begin(), plan.retire.end(), shard.index) != plan.retire.end()) {
            continue;
        }
        const auto* change = planned(shard.index);
        if (change != nullptr && change->revision != shard.revision) {
            record(
                r,
                false,
                "ShardUpdating",
                "Shard " + std::to_string(shard.index) + " goes from revision " + shard.revision +
                    " to " + change->revision + "."
            );
        }
        co_await apply_shard(
            r,
            shard.index,
            change == nullptr ? shard.revision : change->revision,
            change == nullptr ? shard.rolled_from : change->rolled_from
        );
        if (r.ending || !r.failure.empty()) co_return;
    }
    for (const auto& change : plan.create) {
        co_await apply_shard(r, change.index, change.revision, change.rolled_from);
        if (r.ending || !r.failure.empty() || !r.applied.rejected.empty()) co_return;
    }
    for (const auto index : plan.retire) {
        note(
            r,
            co_await applier_.remove(
                r.owner, child_kind::deployment, resources::deployment_name(r.owner.name, index)
            )
        );
        record(r, false, "ShardRetired", "Shard " + std::to_string(index) + " drains and ends.");
    }
}

// The target made a shard lose its upstreams: no other shard gets it, and a restart remembers.
kube::awaitable<void> reconciler::stop_rollout(run& r) {
    if (!r.plan.put_back) co_return;
    const auto why = "shard " + std::to_string(r.plan.put_back->index) +
                     " lost its upstreams with it and was put back";
    const auto revision = co_await load_revision(r, r.target);
    if (!revision) co_return;
    auto object = resources::revision_config_map(r.owner, *revision);
    object["metadata"].as_object()["annotations"].as_object()[resources::annotation::stopped] = why;
    note(r, co_await applier_.ensure(r.owner, child_kind::revision, std::move(object)));
    r.rollout.stopped = true;
    record(r, true, "RolloutStopped", "Revision " + r.target + ": " + why + ".");
}

// Revisions that nothing uses any more.
kube::awaitable<void> reconciler::prune(run& r) {
    const auto* entry = cache_.find(r.key);
    if (entry == nullptr) co_return;
    std::vector<std::string> used{r.target};
    for (const auto& c : entry->children) {
        if (!c.shard) continue;
        used.push_back(c.shard->revision);
        used.push_back(c.shard->rolled_from);
    }
    for (const auto& p : entry->pods) used.push_back(p.revision);
    std::vector<std::string> surplus;
    for (const auto& c : entry->children) {
        if (c.kind != child_kind::revision || c.deleting || c.owner_uid != r.owner.uid) continue;
        if (std::find(used.begin(), used.end(), c.revision) == used.end())
            surplus.push_back(c.name);
    }
    for (auto& name : surplus) {
        note(r, co_await applier_.remove(r.owner, child_kind::revision, std::move(name)));
    }
}

kube::awaitable<void> reconciler::write_status(run& r) {
    // What was written has changed what is known.
    const auto* entry = cache_.find(r.key);
    if (entry == nullptr || !entry->record || entry->record->ref.uid != r.owner.uid) co_return;
    const bool was_stopped = r.rollout.stopped;
    const auto desired = r.rollout.desired;
    rollout_input seen = r.rollout;
    seen.shards.clear();
    seen.occupied.clear();
    view_shards(*entry, r.now, seen);
    auto plan = plan_rollout(seen);

    const auto previous_value = json::parse(entry->record->status);
    const auto& previous = previous_value.as_object();
    const auto since = last_progress(r, seen, plan.rolling && !was_stopped);
    const auto written = connections_written_.find(r.key);
    status_input input(*entry);
    input.gateway = r.gated.gateway ? &*r.gated.gateway : nullptr;
    input.problems = r.gated.problems;
    input.target = r.target;
    input.target_image = r.image;
    input.default_image = options_.worker_image;
    input.version = options_.version;
    input.rollout = std::move(seen);
    input.plan = std::move(plan);
    input.applied = r.applied;
    input.foreign_scalers = r.foreign_scalers;
    input.pod_monitors_missing =
        r.gated.gateway &&
        r.gated.gateway->monitoring.type == manifest::monitoring_type::pod_monitor &&
        !features_.pod_monitors;
    input.overdue = r.now - since > r.deadline;
    input.now = r.now;
    input.may_move_connections =
        written == connections_written_.end() || r.now - written->second >= connections_interval;
    input.rollout.desired = desired;
    auto next = build_status(input, previous, utc_now_text());
    if (!input.may_move_connections && connections_moved(input, previous)) {
        r.connections_wait =
            std::chrono::ceil<base::milliseconds>(connections_interval - (r.now - written->second));
    }
    r.moving = input.plan.rolling || !input.rollout.occupied.empty() ||
               input.rollout.shards.size() != desired;
    if (!status_differs(previous, next)) co_return;

    const auto changes = transitions(previous, next);
    const auto connections_before = resources::number_at(previous, {"connections"}, -1);
    const bool moved_connections =
        connections_before >= 0 && connections_before != next.at("connections").as_int64();
    json::object body{
        {"apiVersion", gateway_type().api_version()},
        {"kind", std::string(gateway_type().kind)},
        {"metadata", {{"name", r.owner.name}, {"namespace", r.owner.ns}, {"uid", r.owner.uid}}},
        {"status", std::move(next)},
    };
    kube::apply_options options;
    options.field_manager = resources::status_manager;
    options.subresource = "status";
    auto applied =
        co_await client_.apply(gateway_type(), r.owner.ns, r.owner.name, std::move(body), options);
    if (!applied) {
        if (applied.error().kind != kube::error_kind::not_found) {
            r.failure = "status: " + kube::to_string(applied.error());
        }
        co_return;
    }
    cache_.store_gateway(applied->as_object());
    if (moved_connections) connections_written_[r.key] = r.now;
    for (const auto& change : changes) announce(r, change);
}

// A condition that flips is an Event; what a new gateway begins with is not.
void reconciler::announce(const run& r, const transition& change) {
    if (change.type == "Reconciling" || change.type == "ShardsReady" || change.to == "Unknown") {
        return;
    }
    const bool holds = change.to == "True";
    const bool wanted = change.type != "ScalingConflict" && change.type != "Stalled";
    const bool is_new = change.from.empty() || change.from == "Unknown";
    const bool is_good = change.type == "Paused" || holds == wanted;
    // Being not ready is how every gateway begins.
    const bool begins = change.type == "Ready" || change.type == "Available";
    if (is_new && (change.type == "Ready" ? !holds : begins || is_good)) return;
    record(
        r,
        !is_good,
        change.type + change.to,
        change.reason + (change.message.empty() ? "" : ": " + change.message)
    );
}

// When the shards last came a step nearer to where they should be.
base::time_point reconciler::last_progress(const run& r, const rollout_input& seen, bool moving) {
    if (!moving) {
        progress_.erase(r.key);
        return r.now;
    }
    auto reached = seen.target;
    for (const auto& shard : seen.shards) {
        reached += shard.revision == seen.target && shard.settled ? '+' : '-';
    }
    auto& held = progress_.try_emplace(r.key, progress{reached, r.now}).first->second;
    if (held.reached != reached) held = {std::move(reached), r.now};
    return held.since;
}

// NOLINTEND(cppcoreguidelines-avoid-reference-coroutine-parameters)

kube::awaitable<runtime::reconcile_result> reconciler::reconcile(std::string key) {
    const auto* entry = cache_.find(key);
    if (entry == nullptr || !entry->record || entry->record->deleting) {
        connections_written_.erase(key);
        progress_.erase(key);
        ending_.erase(key);
        co_return runtime::reconcile_done{};
    }
    if (const auto ending = ending_.find(key); ending != ending_.end()) {
        if (ending->second == entry->record->ref.uid) co_return runtime::reconcile_done{};
        ending_.erase(ending);
    }
    run r;
    r.key = key;
    r.now = base::clock::now();
    observe(r);
    if (!r.paused && !r.target.empty()) {
        co_await apply_revision(r);
        if (r.failure.empty() && !r.ending) co_await apply_companions(r);
        if (r.failure.empty() && !r.ending) co_await stop_rollout(r);
        if (r.failure.empty() && !r.ending) co_await apply_shards(r);
        if (r.failure.empty() && !r.ending) co_await prune(r);
    }
    if (r.ending) {
        ending_[r.key] = r.owner.uid;
        co_return runtime::reconcile_done{};
    }
    auto failure = std::exchange(r.failure, {});
    co_await write_status(r);
    if (!failure.empty()) co_return runtime::retryable_error{failure};
    if (!r.failure.empty()) co_return runtime::retryable_error{r.failure};
    if (!r.applied.name_conflicts.empty()) co_return runtime::requeue_after{conflict_interval};
    // What the API server refuses is not asked of it again before the gateway changes.
    if (r.moving && !r.paused && r.applied.rejected.empty()) {
        co_return runtime::requeue_after{progress_interval};
    }
    if (r.connections_wait) co_return runtime::requeue_after{*r.connections_wait};
    co_return runtime::requeue_after{options_.resync};
}

}  // namespace pgw::controllers
