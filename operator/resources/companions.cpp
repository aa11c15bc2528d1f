// Accounts, budgets, autoscalers, policies and monitors.
#include "operator/resources/companions.hpp"

#include "common/manifest/model/fields.hpp"
#include "operator/resources/metadata.hpp"

namespace pgw::resources {

namespace {

json::object object_of(
    const char* api_version, const char* kind, json::object metadata, json::object spec
) {
    return {
        {"apiVersion", api_version},
        {"kind", kind},
        {"metadata", std::move(metadata)},
        {"spec", std::move(spec)},
    };
}

json::object pods_of(const gateway_ref& owner) {
    return {{"matchLabels", pod_labels(owner.name)}};
}

json::object tcp(std::uint16_t port) {
    return {{"protocol", "TCP"}, {"port", port}};
}

}  // namespace

json::object service_account(const gateway_ref& owner, const manifest::gateway& gateway) {
    auto metadata = metadata_of(owner, owner.name);
    if (!gateway.service_account.annotations.empty()) {
        metadata["annotations"] = to_object(gateway.service_account.annotations);
    }
    return {
        {"apiVersion", "v1"},
        {"kind", "ServiceAccount"},
        {"metadata", std::move(metadata)},
        {"automountServiceAccountToken", false},
    };
}

json::object disruption_budget(const gateway_ref& owner, const manifest::gateway& gateway) {
    return object_of(
        "policy/v1",
        "PodDisruptionBudget",
        metadata_of(owner, owner.name),
        {{"maxUnavailable", gateway.disruption.max_unavailable},
         {"unhealthyPodEvictionPolicy", "AlwaysAllow"},
         {"selector", pods_of(owner)}}
    );
}

json::object autoscaler(const gateway_ref& owner, const manifest::gateway& gateway) {
    const auto& wanted = *gateway.autoscaling;
    const json::object metric{
        {"type", "ContainerResource"},
        {"containerResource",
         {{"name", "cpu"},
          {"container", "worker"},
          {"target",
           {{"type", "Utilization"}, {"averageUtilization", wanted.target_cpu_utilization}}}}},
    };
    const auto stabilization =
        std::chrono::ceil<base::seconds>(wanted.scale_down_stabilization).count();
    return object_of(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        metadata_of(owner, owner.name),
        {{"scaleTargetRef",
          {{"apiVersion",
            json::string_view(manifest::api_version.data(), manifest::api_version.size())},
           {"kind", json::string_view(manifest::kind_name.data(), manifest::kind_name.size())},
           {"name", owner.name}}},
         {"minReplicas", wanted.min_shards},
         {"maxReplicas", wanted.max_shards},
         {"metrics", json::array{metric}},
         {"behavior", {{"scaleDown", {{"stabilizationWindowSeconds", stabilization}}}}}}
    );
}

json::object network_policy(const gateway_ref& owner, const manifest::gateway& gateway) {
    json::array device_ports;
    for (const auto& listener : gateway.listeners) {
        device_ports.push_back(tcp(container_port(listener.port)));
    }
    json::object devices{{"ports", std::move(device_ports)}};
    if (gateway.network_policy.managed && !gateway.network_policy.managed->device_cidrs.empty()) {
        json::array from;
        for (const auto& cidr : gateway.network_policy.managed->device_cidrs) {
            from.push_back(json::object{{"ipBlock", {{"cidr", cidr}}}});
        }
        devices["from"] = std::move(from);
    }
    json::array inside_ports{tcp(port::health), tcp(port::metrics)};
    for (const auto& upstream : gateway.upstreams) {
        if (upstream.embedded) inside_ports.push_back(tcp(upstream.embedded->port));
    }
    // Probes, the operator, Prometheus and back ends: from inside the cluster.
    json::object inside{
        {"ports", std::move(inside_ports)},
        {"from", json::array{json::object{{"namespaceSelector", json::object{}}}}},
    };
    return object_of(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        metadata_of(owner, owner.name),
        {{"podSelector", pods_of(owner)},
         {"policyTypes", json::array{"Ingress"}},
         {"ingress", json::array{std::move(devices), std::move(inside)}}}
    );
}

json::object pod_monitor(const gateway_ref& owner, const manifest::gateway& gateway) {
    const auto wanted = gateway.monitoring.pod_monitor.value_or(manifest::pod_monitor{});
    auto metadata = metadata_of(owner, owner.name);
    auto labels = to_object(wanted.labels);
    for (const auto& [key, value] : metadata["labels"].as_object()) labels[key] = value;
    metadata["labels"] = std::move(labels);
    const json::object endpoint{
        {"port", "metrics"},
        {"interval", std::to_string(wanted.interval.count()) + "ms"},
    };
    return object_of(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        std::move(metadata),
        {{"selector", pods_of(owner)},
         {"podTargetLabels", json::array{label::gateway, label::shard}},
         {"podMetricsEndpoints", json::array{endpoint}}}
    );
}

std::vector<json::object> companions(
    const gateway_ref& owner,
    const manifest::gateway& gateway,
    const cluster_features& features,
    bool autoscale
) {
    std::vector<json::object> objects;
    if (gateway.service_account.name.empty()) objects.push_back(service_account(owner, gateway));
    objects.push_back(device_service(owner, gateway));
    objects.push_back(metrics_service(owner));
    objects.push_back(internal_service(owner, gateway));
    objects.push_back(disruption_budget(owner, gateway));
    if (gateway.autoscaling && autoscale) objects.push_back(autoscaler(owner, gateway));
    if (gateway.network_policy.type == manifest::network_policy_type::managed) {
        objects.push_back(network_policy(owner, gateway));
    }
    if (gateway.monitoring.type == manifest::monitoring_type::pod_monitor &&
        features.pod_monitors) {
        objects.push_back(pod_monitor(owner, gateway));
    }
    return objects;
}

}  // namespace pgw::resources
