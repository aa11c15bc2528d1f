// The objects beside the shards. Each builder is a pure function of the gateway.
#pragma once

#include "operator/resources/canonical.hpp"
#include "operator/resources/names.hpp"

#include <vector>

namespace pgw::manifest {
struct gateway;
}

namespace pgw::resources {

/// What the API server offers beyond the core: asked at start and from time to time.
struct cluster_features {
    bool pod_monitors = false;  ///< monitoring.coreos.com/v1.
};

/// Device traffic: a port a listener.
json::object device_service(const gateway_ref& owner, const manifest::gateway& gateway);
/// Headless, for Prometheus without a PodMonitor.
json::object metrics_service(const gateway_ref& owner);
/// Headless, not-ready pods included: status, and the embedded brokers' AMQP ports.
json::object internal_service(const gateway_ref& owner, const manifest::gateway& gateway);
json::object service_account(const gateway_ref& owner, const manifest::gateway& gateway);
json::object disruption_budget(const gateway_ref& owner, const manifest::gateway& gateway);
/// The gateway's own scale subresource by the workers' CPU.
json::object autoscaler(const gateway_ref& owner, const manifest::gateway& gateway);
json::object network_policy(const gateway_ref& owner, const manifest::gateway& gateway);
json::object pod_monitor(const gateway_ref& owner, const manifest::gateway& gateway);

/// All that the gateway asks for, besides revisions and shards. `autoscale` false leaves our
/// autoscaler out, because another one scales the gateway.
std::vector<json::object> companions(
    const gateway_ref& owner,
    const manifest::gateway& gateway,
    const cluster_features& features,
    bool autoscale
);

}  // namespace pgw::resources
