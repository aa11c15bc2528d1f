// The three Services.
#include "common/manifest/model/gateway.hpp"
#include "operator/resources/companions.hpp"
#include "operator/resources/metadata.hpp"

namespace pgw::resources {

namespace {

json::object service_object(
    const gateway_ref& owner, std::string name, json::array ports, json::object spec
) {
    spec["selector"] = pod_labels(owner.name);
    spec["ports"] = std::move(ports);
    return {
        {"apiVersion", "v1"},
        {"kind", "Service"},
        {"metadata", metadata_of(owner, std::move(name))},
        {"spec", std::move(spec)},
    };
}

json::object service_port(const std::string& name, std::uint16_t port, json::value target) {
    return {{"name", name}, {"port", port}, {"targetPort", std::move(target)}, {"protocol", "TCP"}};
}

const char* type_text(manifest::service_type type) {
    switch (type) {
        case manifest::service_type::cluster_ip:
            return "ClusterIP";
        case manifest::service_type::node_port:
            return "NodePort";
        case manifest::service_type::load_balancer:
            return "LoadBalancer";
    }
    return "ClusterIP";
}

}  // namespace

json::object device_service(const gateway_ref& owner, const manifest::gateway& gateway) {
    const auto& wanted = gateway.service;
    json::array ports;
    for (const auto& listener : gateway.listeners) {
        ports.push_back(service_port(listener.name, listener.port, container_port(listener.port)));
    }
    json::object spec{{"type", type_text(wanted.type)}};
    if (wanted.type != manifest::service_type::cluster_ip) {
        spec["externalTrafficPolicy"] =
            wanted.external_traffic_policy == manifest::traffic_policy::local ? "Local" : "Cluster";
    }
    if (!wanted.load_balancer_class.empty()) spec["loadBalancerClass"] = wanted.load_balancer_class;
    if (!wanted.load_balancer_source_ranges.empty()) {
        spec["loadBalancerSourceRanges"] = json::value_from(wanted.load_balancer_source_ranges);
    }
    auto service = service_object(owner, owner.name, std::move(ports), std::move(spec));
    auto& metadata = service["metadata"].as_object();
    // Our own labels are how the object is found again: they win.
    auto labels = to_object(wanted.labels);
    for (const auto& [key, value] : metadata["labels"].as_object()) labels[key] = value;
    metadata["labels"] = std::move(labels);
    if (!wanted.annotations.empty()) metadata["annotations"] = to_object(wanted.annotations);
    return service;
}

json::object metrics_service(const gateway_ref& owner) {
    json::array ports{service_port("metrics", port::metrics, "metrics")};
    return service_object(
        owner, metrics_service_name(owner.name), std::move(ports), {{"clusterIP", "None"}}
    );
}

json::object internal_service(const gateway_ref& owner, const manifest::gateway& gateway) {
    json::array ports{service_port("health", port::health, "health")};
    for (const auto& upstream : gateway.upstreams) {
        if (!upstream.embedded) continue;
        ports.push_back(
            service_port("amqp-" + upstream.name, upstream.embedded->port, upstream.embedded->port)
        );
    }
    return service_object(
        owner,
        internal_service_name(owner.name),
        std::move(ports),
        {{"clusterIP", "None"}, {"publishNotReadyAddresses", true}}
    );
}

}  // namespace pgw::resources
