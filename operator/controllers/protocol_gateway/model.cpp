// Reading API objects.
#include "operator/controllers/protocol_gateway/model.hpp"

#include "common/manifest/model/fields.hpp"

#include <array>

namespace pgw::controllers {

using resources::find;
using resources::number_at;
using resources::text_at;
namespace annotation = resources::annotation;
namespace label = resources::label;

namespace {

constexpr std::array<kube::resource_type, child_kinds> child_types{
    kube::resource_type{"apps", "v1", "deployments", "Deployment"},
    kube::resource_type{"", "v1", "configmaps", "ConfigMap"},
    kube::resource_type{"", "v1", "services", "Service"},
    kube::resource_type{"", "v1", "serviceaccounts", "ServiceAccount"},
    kube::resource_type{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"},
    kube::resource_type{"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"},
    kube::resource_type{"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"},
    kube::resource_type{"monitoring.coreos.com", "v1", "podmonitors", "PodMonitor"},
};

// The owner reference that controls, or nullptr.
const json::object* controlling_owner(const json::object& object) {
    const auto* owners = find(object, {"metadata", "ownerReferences"});
    if (owners == nullptr || !owners->is_array()) return nullptr;
    for (const auto& item : owners->get_array()) {
        const auto* owner = item.if_object();
        const auto* controls = owner == nullptr ? nullptr : owner->if_contains("controller");
        if (controls != nullptr && controls->is_bool() && controls->get_bool()) return owner;
    }
    return nullptr;
}

std::string controller_uid(const json::object& object) {
    const auto* owner = controlling_owner(object);
    return owner == nullptr ? std::string() : std::string(text_at(*owner, {"uid"}));
}

// The one of `status.conditions` that has this type and status, or nullptr.
const json::object* condition_with(
    const json::object& object, std::string_view type, std::string_view status
) {
    const auto* conditions = find(object, {"status", "conditions"});
    if (conditions == nullptr || !conditions->is_array()) return nullptr;
    for (const auto& item : conditions->get_array()) {
        const auto* condition = item.if_object();
        if (condition != nullptr && text_at(*condition, {"type"}) == type) {
            return text_at(*condition, {"status"}) == status ? condition : nullptr;
        }
    }
    return nullptr;
}

// What keeps a container from running. The words stay the same from one attempt to the next.
std::string waiting_problem(const json::object& container) {
    const std::string reason(text_at(container, {"state", "waiting", "reason"}));
    if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing") return {};
    const std::string image(text_at(container, {"image"}));
    if (reason == "ErrImagePull" || reason == "ImagePullBackOff") {
        return "image " + image + " cannot be pulled";
    }
    if (reason == "CrashLoopBackOff") {
        const auto code = number_at(container, {"lastState", "terminated", "exitCode"});
        const std::string why(text_at(container, {"lastState", "terminated", "reason"}));
        return "its worker ends again and again, last with exit code " + std::to_string(code) +
               (why.empty() ? "" : " (" + why + ")");
    }
    const std::string message(text_at(container, {"state", "waiting", "message"}));
    return reason + (message.empty() ? "" : ": " + message);
}

std::string pod_problem(const json::object& object) {
    if (const auto* scheduled = condition_with(object, "PodScheduled", "False")) {
        return "no node takes its pod: " + std::string(text_at(*scheduled, {"message"}));
    }
    const auto* containers = find(object, {"status", "containerStatuses"});
    if (containers == nullptr || !containers->is_array()) return {};
    for (const auto& item : containers->get_array()) {
        const auto* container = item.if_object();
        auto problem = container == nullptr ? std::string() : waiting_problem(*container);
        if (!problem.empty()) return problem;
    }
    return {};
}

std::optional<shard_state> parse_shard_state(const json::object& object) {
    const auto index =
        resources::parse_shard(text_at(object, {"metadata", "labels", label::shard}));
    if (!index) return std::nullopt;
    shard_state state;
    state.index = *index;
    state.revision = text_at(object, {"metadata", "labels", label::revision});
    state.rolled_from = text_at(object, {"metadata", "annotations", annotation::rolled_from});
    const bool observed = number_at(object, {"status", "observedGeneration"}) >=
                          number_at(object, {"metadata", "generation"});
    const auto wanted = number_at(object, {"spec", "replicas"}, 1);
    const auto available = number_at(object, {"status", "availableReplicas"});
    state.available = available > 0;
    state.settled = observed && available >= wanted &&
                    number_at(object, {"status", "updatedReplicas"}) >= wanted &&
                    number_at(object, {"status", "replicas"}) == wanted;
    if (const auto* failure = condition_with(object, "ReplicaFailure", "True")) {
        state.problem = text_at(*failure, {"message"});
    }
    return state;
}

}  // namespace

const kube::resource_type& type_of(child_kind kind) noexcept {
    return child_types[static_cast<std::size_t>(kind)];
}

const kube::resource_type& gateway_type() noexcept {
    static constexpr kube::resource_type type{
        "protocolgateway.dev", "v1alpha1", "protocolgateways", manifest::kind_name
    };
    return type;
}

const kube::resource_type& pod_type() noexcept {
    static constexpr kube::resource_type type{"", "v1", "pods", "Pod"};
    return type;
}

std::optional<child_kind> kind_of(const json::object& object) {
    const auto kind = text_at(object, {"kind"});
    for (std::size_t i = 0; i < child_types.size(); ++i) {
        if (child_types[i].kind == kind) return static_cast<child_kind>(i);
    }
    return std::nullopt;
}

bool not_older(const std::string& a, const std::string& b) noexcept {
    if (a.size() != b.size()) return a.size() > b.size();
    return a >= b;
}

std::optional<child> parse_child(child_kind kind, const json::object& object) {
    child parsed;
    parsed.kind = kind;
    parsed.name = text_at(object, {"metadata", "name"});
    parsed.uid = text_at(object, {"metadata", "uid"});
    parsed.resource_version = text_at(object, {"metadata", "resourceVersion"});
    parsed.owner_uid = controller_uid(object);
    parsed.intent = text_at(object, {"metadata", "annotations", annotation::intent});
    parsed.deleting = find(object, {"metadata", "deletionTimestamp"}) != nullptr;
    parsed.content = resources::content_hash(object);
    if (parsed.kind == child_kind::deployment) {
        parsed.shard = parse_shard_state(object);
        if (!parsed.shard) return std::nullopt;
    }
    if (parsed.kind == child_kind::revision) {
        parsed.revision = text_at(object, {"metadata", "labels", label::revision});
        parsed.image = text_at(object, {"metadata", "annotations", annotation::image});
        parsed.config_hash = text_at(object, {"metadata", "annotations", annotation::config_hash});
        parsed.stopped = text_at(object, {"metadata", "annotations", annotation::stopped});
        parsed.created = text_at(object, {"metadata", "creationTimestamp"});
        if (parsed.revision.empty()) return std::nullopt;
    }
    return parsed;
}

std::string owning_gateway(const json::object& object) {
    const auto* owner = controlling_owner(object);
    if (owner == nullptr || text_at(*owner, {"kind"}) != manifest::kind_name) return {};
    return std::string(text_at(*owner, {"name"}));
}

std::optional<pod> parse_pod(const json::object& object) {
    const auto index =
        resources::parse_shard(text_at(object, {"metadata", "labels", label::shard}));
    if (!index) return std::nullopt;
    pod parsed;
    parsed.shard = *index;
    parsed.name = text_at(object, {"metadata", "name"});
    parsed.uid = text_at(object, {"metadata", "uid"});
    parsed.resource_version = text_at(object, {"metadata", "resourceVersion"});
    parsed.revision = text_at(object, {"metadata", "labels", label::revision});
    parsed.ip = text_at(object, {"status", "podIP"});
    parsed.ready = condition_with(object, "Ready", "True") != nullptr;
    parsed.problem = pod_problem(object);
    const auto phase = text_at(object, {"status", "phase"});
    parsed.finished = phase == "Failed" || phase == "Succeeded";
    parsed.terminating = find(object, {"metadata", "deletionTimestamp"}) != nullptr;
    return parsed;
}

gateway_record parse_gateway(const json::object& object) {
    gateway_record record;
    record.ref.ns = text_at(object, {"metadata", "namespace"});
    record.ref.name = text_at(object, {"metadata", "name"});
    record.ref.uid = text_at(object, {"metadata", "uid"});
    record.resource_version = text_at(object, {"metadata", "resourceVersion"});
    record.generation = number_at(object, {"metadata", "generation"});
    record.deleting = find(object, {"metadata", "deletionTimestamp"}) != nullptr;
    record.paused = text_at(object, {"metadata", "annotations", annotation::paused}) == "true";
    record.restarted_at = text_at(object, {"metadata", "annotations", annotation::restarted_at});
    const auto* spec = object.if_contains("spec");
    const auto* status = object.if_contains("status");
    record.spec = spec != nullptr ? json::serialize(*spec) : "{}";
    record.status = status != nullptr ? json::serialize(*status) : "{}";
    return record;
}

std::optional<scaler> parse_scaler(const json::object& object, std::string& gateway) {
    if (text_at(object, {"spec", "scaleTargetRef", "kind"}) != manifest::kind_name)
        return std::nullopt;
    const auto version = text_at(object, {"spec", "scaleTargetRef", "apiVersion"});
    if (!version.starts_with("protocolgateway.dev/")) return std::nullopt;
    gateway = text_at(object, {"spec", "scaleTargetRef", "name"});
    scaler parsed;
    parsed.name = text_at(object, {"metadata", "name"});
    parsed.resource_version = text_at(object, {"metadata", "resourceVersion"});
    parsed.controller_uid = controller_uid(object);
    return parsed;
}

}  // namespace pgw::controllers
