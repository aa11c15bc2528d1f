// What the controller remembers of the cluster: no more than its decisions need. Pure.
#pragma once

#include "common/base/clock.hpp"
#include "common/kube/resource.hpp"
#include "operator/resources/canonical.hpp"
#include "operator/resources/names.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgw::controllers {

namespace json = boost::json;

enum class child_kind : std::uint8_t {
    deployment,
    revision,  ///< A ConfigMap.
    service,
    service_account,
    disruption_budget,
    autoscaler,
    network_policy,
    pod_monitor,
};
inline constexpr std::size_t child_kinds = 8;

const kube::resource_type& type_of(child_kind kind) noexcept;
const kube::resource_type& gateway_type() noexcept;
const kube::resource_type& pod_type() noexcept;
/// By the object's `kind`.
std::optional<child_kind> kind_of(const json::object& object);

/// What a Deployment says about its shard.
struct shard_state {
    std::uint32_t index = 0;
    std::string revision;
    std::string rolled_from;
    bool available = false;  ///< A pod, of whatever revision, serves.
    bool settled = false;  ///< Its pod is of its revision, available, and no older one is counted.
    std::string problem;   ///< Why it gets no pod, as the controller-manager says it.
};

/// An object that we made, or that bears our label.
struct child {
    child_kind kind{};
    std::string name;
    std::string uid;
    std::string resource_version;
    std::string owner_uid;  ///< Of the controlling owner; empty: none.
    std::string intent;     ///< annotation::intent.
    bool deleting = false;
    std::uint64_t content = 0;   ///< resources::content_hash.
    std::uint64_t verified = 0;  ///< `content` when it was last known to hold the intent; 0: never.
    std::string inputs;  ///< What the verified intent was built from, where that is cheap to tell.
    std::optional<shard_state> shard;  ///< Of a Deployment.
    // Of a revision:
    std::string revision;
    std::string image;
    std::string config_hash;
    std::string stopped;
    std::string created;  ///< creationTimestamp, which sorts as text.
};

struct pod {
    std::string name;
    std::string uid;
    std::string resource_version;
    std::string ip;
    std::string revision;
    std::uint32_t shard = 0;
    bool ready = false;
    bool terminating = false;
    bool finished = false;  ///< Failed or succeeded: evicted, for one.
    std::string problem;    ///< Why it does not run, as the scheduler and the kubelet say it.
};

/// A HorizontalPodAutoscaler that scales a gateway, ours or not.
struct scaler {
    std::string name;
    std::string resource_version;
    std::string controller_uid;
};

struct gateway_record {
    resources::gateway_ref ref;
    std::string resource_version;
    std::int64_t generation = 0;
    bool deleting = false;
    bool paused = false;
    std::string restarted_at;
    std::string spec;    ///< JSON text, as stored.
    std::string status;  ///< JSON text; `{}` where there is none.
};

/// Whether `a` is newer than or as new as `b`, when both are numbers, as they are in practice.
bool not_older(const std::string& a, const std::string& b) noexcept;

/// nullopt: not one of ours, whatever its label says. Items of lists do not tell their kind.
std::optional<child> parse_child(child_kind kind, const json::object& object);
/// The name of the gateway in the controlling owner reference; empty: another kind of owner or
/// none.
std::string owning_gateway(const json::object& object);
std::optional<pod> parse_pod(const json::object& object);
gateway_record parse_gateway(const json::object& object);
/// nullopt: it scales something else. `gateway` gets the name of the gateway.
std::optional<scaler> parse_scaler(const json::object& object, std::string& gateway);

}  // namespace pgw::controllers
