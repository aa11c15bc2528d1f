// The fields of a ProtocolGateway that only the operator obeys. Part of `gateway`, which see.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgw::manifest {

using string_map = std::vector<std::pair<std::string, std::string>>;  ///< In the manifest's order.

struct autoscaling {
    std::uint32_t min_shards = 1;
    std::uint32_t max_shards = 0;               ///< Required.
    std::uint32_t target_cpu_utilization = 70;  ///< Percent of the container's CPU request.
    base::milliseconds scale_down_stabilization{300'000};
};

enum class upgrade_policy : std::uint8_t { manual, automatic };

struct compute_resources {
    string_map requests;  ///< Resource name → quantity.
    string_map limits;
};

struct worker_pods {
    std::string image;  ///< Empty: see docs/operations.md, "Worker image".
    manifest::upgrade_policy upgrade_policy = upgrade_policy::manual;
    /// Unset: requests 100m and 64Mi, memory limit 512Mi.
    std::optional<compute_resources> resources;
    std::string pod_template;  ///< JSON text of a partial PodTemplateSpec; empty: none.
};

struct service_account {
    std::string name;  ///< Empty: the operator makes one, named as the gateway.
    string_map annotations;
};

enum class service_type : std::uint8_t { cluster_ip, node_port, load_balancer };
enum class traffic_policy : std::uint8_t { cluster, local };

/// What has no effect with its type is refused: loadBalancer* belong to LoadBalancer only,
/// externalTrafficPolicy Local to NodePort and LoadBalancer.
struct service {
    service_type type = service_type::cluster_ip;
    string_map labels;
    string_map annotations;
    std::string load_balancer_class;
    std::vector<std::string> load_balancer_source_ranges;  ///< CIDRs.
    traffic_policy external_traffic_policy = traffic_policy::cluster;
};

struct rollout {
    std::uint32_t max_concurrent_shards = 1;
    base::milliseconds progress_deadline{600'000
    };  ///< After it a shard that is not ready is Stalled.
};

struct disruption {
    std::uint32_t max_unavailable = 1;
};

enum class monitoring_type : std::uint8_t { none, pod_monitor };

struct pod_monitor {
    base::milliseconds interval{30'000};
    string_map labels;  ///< So that a Prometheus selects it.
};

struct monitoring {
    monitoring_type type = monitoring_type::none;
    /// read_manifest sets it for type PodMonitor.
    std::optional<manifest::pod_monitor> pod_monitor;
};

enum class network_policy_type : std::uint8_t { none, managed };

/// Ingress of the workers. Egress is never limited: upstreams are anywhere.
struct managed_network_policy {
    std::vector<std::string> device_cidrs;  ///< Empty: devices may come from everywhere.
};

struct network_policy {
    network_policy_type type = network_policy_type::none;
    std::optional<managed_network_policy> managed;  ///< read_manifest sets it for type Managed.
};

}  // namespace pgw::manifest
