// Judging.
#include "operator/controllers/protocol_gateway/conditions.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace pgw::controllers {

namespace {

constexpr std::size_t most_items = 5;

std::string join(const std::vector<std::string>& items) {
    std::string text;
    for (std::size_t i = 0; i < items.size() && i < most_items; ++i) {
        if (i > 0) text += "; ";
        text += items[i];
    }
    if (items.size() > most_items) {
        text += "; and " + std::to_string(items.size() - most_items) + " more";
    }
    return text;
}

const worker_report* report_of(const gateway_entry& entry, const pod& p) {
    const auto* polled = entry.report_of(p.uid);
    return polled != nullptr && polled->report ? &*polled->report : nullptr;
}

condition configuration_valid(const status_input& input) {
    condition c{"ConfigurationValid", verdict::yes, "Valid", {}};
    if (input.gateway == nullptr) {
        c.status = verdict::no;
        c.reason = "SpecInvalid";
        c.message = join(input.problems);
        return c;
    }
    if (!input.applied.rejected.empty()) {
        c.status = verdict::no;
        c.reason = "PodTemplateRejected";
        c.message = "The API server refuses the pods: " + input.applied.rejected;
        return c;
    }
    for (const auto& p : input.entry.pods) {
        const auto* report = report_of(input.entry, p);
        if (report == nullptr || p.terminating || report->config_problem.empty()) continue;
        c.status = verdict::no;
        c.reason = "WorkerRefuses";
        c.message = "Shard " + std::to_string(p.shard) +
                    " keeps its last good configuration: " + report->config_problem;
        return c;
    }
    if (input.pod_monitors_missing) {
        c.reason = "PodMonitorUnavailable";
        c.message = "spec.monitoring asks for a PodMonitor, which this cluster does not have.";
    }
    return c;
}

condition references_resolved(const status_input& input) {
    condition c{"ReferencesResolved", verdict::unknown, "NotReported", {}};
    if (!input.applied.name_conflicts.empty()) {
        return {
            "ReferencesResolved", verdict::no, "NameConflict", join(input.applied.name_conflicts)
        };
    }
    std::vector<std::string> missing;
    for (const auto& p : input.entry.pods) {
        const auto* report = report_of(input.entry, p);
        if (report == nullptr || p.terminating) continue;
        c = {"ReferencesResolved", verdict::yes, "Resolved", {}};
        for (const auto& reference : report->missing) {
            auto text = reference.path + ": " + reference.text;
            if (std::find(missing.begin(), missing.end(), text) == missing.end()) {
                missing.push_back(std::move(text));
            }
        }
    }
    if (!missing.empty()) return {"ReferencesResolved", verdict::no, "Missing", join(missing)};
    return c;
}

// Every routed upstream must be reachable from some ready shard.
condition upstreams_reachable(const status_input& input, const condition& before) {
    std::map<std::string, std::string> unreachable;  // name → why
    std::map<std::string, bool> reachable;
    bool settled = true;
    bool reported = false;
    for (const auto& p : input.entry.pods) {
        const auto* report = report_of(input.entry, p);
        if (report == nullptr || p.terminating || !p.ready) continue;
        reported = true;
        bool all = true;
        for (const auto& upstream : report->upstreams) {
            if (!upstream.routed) continue;
            reachable[upstream.name] = reachable[upstream.name] || upstream.reachable;
            if (!upstream.reachable) {
                unreachable[upstream.name] = upstream.error;
                all = false;
            }
        }
        const auto* polled = input.entry.report_of(p.uid);
        if (!all && input.now - polled->since < upstream_hysteresis) settled = false;
    }
    if (!reported) return {"UpstreamsReachable", verdict::unknown, "NotReported", {}};
    std::vector<std::string> lost;
    for (const auto& [name, why] : unreachable) {
        if (!reachable[name]) lost.push_back(name + (why.empty() ? "" : " (" + why + ")"));
    }
    if (lost.empty()) return {"UpstreamsReachable", verdict::yes, "Reachable", {}};
    if (!settled) return before;  // it may be a passing fault
    return {"UpstreamsReachable", verdict::no, "Unreachable", "Unreachable: " + join(lost)};
}

// Pods whose workers report another configuration than their revision's: the kubelet takes up to a
// minute to hand a changed ConfigMap on.
std::size_t shards_behind(const status_input& input) {
    std::string wanted;
    for (const auto& c : input.entry.children) {
        if (c.kind == child_kind::revision && c.revision == input.target) wanted = c.config_hash;
    }
    return static_cast<std::size_t>(std::count_if(
        input.entry.pods.begin(),
        input.entry.pods.end(),
        [&](const pod& p) {
            const auto* report = report_of(input.entry, p);
            return report != nullptr && !p.terminating && p.revision == input.target &&
                   report->config_problem.empty() && report->config_hash != wanted;
        }
    ));
}

std::string first_problem(const std::vector<shard_view>& shards) {
    for (const auto& shard : shards) {
        if (shard.problem.empty()) continue;
        return " Shard " + std::to_string(shard.index) + ": " + shard.problem;
    }
    return {};
}

condition shards_ready(const status_input& input, std::uint32_t desired) {
    const auto& shards = input.rollout.shards;
    const auto ready = static_cast<std::size_t>(
        std::count_if(shards.begin(), shards.end(), [](const auto& s) { return s.available; })
    );
    const auto counted = std::to_string(ready) + " of " + std::to_string(desired) + " shards serve";
    const auto problem = first_problem(shards);
    if (input.target.empty() && desired > 0) {
        return {"ShardsReady", verdict::no, "NoRevision", "There was never a valid specification."};
    }
    if (input.rollout.stopped) {
        return {
            "ShardsReady", verdict::no, "RolloutStopped", counted + "; the rollout was stopped."
        };
    }
    if (ready < desired || shards.size() != desired || !input.rollout.occupied.empty()) {
        return {"ShardsReady", verdict::no, "Progressing", counted + "." + problem};
    }
    if (input.plan.rolling) {
        return {
            "ShardsReady",
            verdict::no,
            "RollingOut",
            counted + "; a new revision is rolling out." + problem
        };
    }
    if (const auto behind = shards_behind(input); behind > 0) {
        return {
            "ShardsReady",
            verdict::no,
            "ConfigurationPending",
            std::to_string(behind) + " shards have not yet applied the last change."
        };
    }
    return {"ShardsReady", verdict::yes, desired == 0 ? "Stopped" : "Ready", counted + "."};
}

condition available(const status_input& input, std::uint32_t desired) {
    const auto& shards = input.rollout.shards;
    if (std::any_of(shards.begin(), shards.end(), [](const auto& s) { return s.available; })) {
        return {"Available", verdict::yes, "Serving", {}};
    }
    if (desired == 0) {
        return {"Available", verdict::no, "Stopped", "spec.shards is 0: stopped on purpose."};
    }
    return {"Available", verdict::no, "NoShardServes", "No shard serves."};
}

condition scaling_conflict(const status_input& input) {
    const auto& foreign = input.foreign_scalers;
    if (foreign.empty()) return {"ScalingConflict", verdict::no, "None", {}};
    const auto who = "HorizontalPodAutoscaler " + join(foreign);
    if (foreign.size() > 1) {
        return {
            "ScalingConflict", verdict::yes, "SeveralAutoscalers", who + ": delete all but one."
        };
    }
    if (input.gateway == nullptr || !input.gateway->autoscaling) {
        return {"ScalingConflict", verdict::no, "ForeignAutoscaler", who + " scales this gateway."};
    }
    return {
        "ScalingConflict",
        verdict::yes,
        "ForeignAutoscaler",
        who + " scales this gateway too, so the one of spec.autoscaling is not made. Delete one."
    };
}

condition ready(const std::vector<condition>& parts) {
    for (const auto& part : parts) {
        if (part.type == "ScalingConflict" || part.type == "Paused" || part.type == "Available") {
            continue;
        }
        if (part.status == verdict::no) return {"Ready", verdict::no, part.reason, part.message};
    }
    for (const auto& part : parts) {
        if (part.type != "UpstreamsReachable" || part.status != verdict::unknown) continue;
        return {"Ready", verdict::unknown, "NotReported", "The shards' reports are awaited."};
    }
    return {"Ready", verdict::yes, "Ready", {}};
}

std::map<std::string, condition> held_conditions(const gateway_record& record) {
    std::map<std::string, condition> held;
    const auto status = json::parse(record.status);
    const auto* list = resources::find(status.as_object(), {"conditions"});
    if (list == nullptr || !list->is_array()) return held;
    for (const auto& item : list->get_array()) {
        const auto& object = item.as_object();
        condition c;
        c.type = resources::text_at(object, {"type"});
        const auto text = resources::text_at(object, {"status"});
        c.status = text == "True" ? verdict::yes : text == "False" ? verdict::no : verdict::unknown;
        c.reason = resources::text_at(object, {"reason"});
        c.message = resources::text_at(object, {"message"});
        held.emplace(c.type, std::move(c));
    }
    return held;
}

// What rests on reports stands as it was before while a worker has not been asked yet: after a
// start of the operator, or of a pod.
void hold(std::vector<condition>& parts, const std::map<std::string, condition>& previous) {
    constexpr std::array<std::string_view, 7> of_reports{
        "Missing",
        "Resolved",
        "Unreachable",
        "Reachable",
        "WorkerRefuses",
        "ConfigurationPending",
        "NotReported"
    };
    const auto rests_on_reports = [&](const condition& c) {
        return std::find(of_reports.begin(), of_reports.end(), c.reason) != of_reports.end();
    };
    for (auto& part : parts) {
        const auto found = previous.find(part.type);
        if (found == previous.end() || !rests_on_reports(found->second)) continue;
        const bool is_good = part.reason == "Valid" || part.reason == "Ready";
        if (is_good || rests_on_reports(part)) part = found->second;
    }
}

}  // namespace

bool all_asked(const gateway_entry& entry) {
    return std::all_of(entry.pods.begin(), entry.pods.end(), [&](const pod& p) {
        return !p.ready || p.terminating || p.finished || entry.report_of(p.uid) != nullptr;
    });
}

std::vector<condition> judge_conditions(const status_input& input, std::uint32_t desired) {
    const auto previous = held_conditions(*input.entry.record);
    const auto held = previous.find("UpstreamsReachable");
    const auto before = held != previous.end()
                            ? held->second
                            : condition{"UpstreamsReachable", verdict::unknown, "NotReported", {}};
    std::vector<condition> parts{
        available(input, desired),
        configuration_valid(input),
        references_resolved(input),
        desired == 0 ? condition{"UpstreamsReachable", verdict::unknown, "Stopped", {}}
                     : upstreams_reachable(input, before),
        shards_ready(input, desired),
        scaling_conflict(input),
    };
    if (!all_asked(input.entry)) hold(parts, previous);
    const bool paused = input.entry.record->paused;
    parts.push_back(
        {"Paused",
         paused ? verdict::yes : verdict::no,
         paused ? "Annotated" : "Running",
         paused ? "The annotation protocolgateway.dev/paused stops all changes." : ""}
    );
    auto summary = ready(parts);
    if (desired == 0 && summary.status == verdict::unknown) {
        summary = {"Ready", verdict::yes, "Stopped", "spec.shards is 0: stopped on purpose."};
    }
    parts.insert(parts.begin(), std::move(summary));
    const bool moving = shards_ready(input, desired).status == verdict::no;
    const bool stalled = input.gateway == nullptr || input.rollout.stopped || input.overdue ||
                         !input.applied.rejected.empty() || !input.applied.name_conflicts.empty();
    if (stalled) {
        parts.push_back(
            {"Stalled",
             verdict::yes,
             input.overdue ? "ProgressDeadlineExceeded" : "NeedsAttention",
             "Nothing more will happen before the specification or the cluster is changed."}
        );
    } else if (moving && !paused) {
        parts.push_back({"Reconciling", verdict::yes, "Progressing", {}});
    }
    return parts;
}

}  // namespace pgw::controllers
