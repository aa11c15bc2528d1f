// The pod template. What is rendered here is stored in the revision: a change of this file reaches
// a gateway with its next revision, never before.
#include "operator/resources/pod_template.hpp"

#include "common/manifest/project/project.hpp"
#include "operator/resources/metadata.hpp"
#include "operator/resources/overlay.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pgw::resources {

namespace {

constexpr const char* config_mount = "/etc/protocol-gateway/config";
constexpr const char* secrets_mount = "/etc/protocol-gateway/secrets";
constexpr const char* worker_container = "worker";
constexpr base::milliseconds cluster_endpoint_delay{10'000};
constexpr base::milliseconds grace_reserve{10'000};
/// A worker that is not up after a minute is started anew. Readiness is not asked here: it may wait
/// for a Secret, for which a restart does nothing.
constexpr int startup_failures = 30;

json::object quantities(const manifest::gateway& gateway) {
    const auto& resources = gateway.worker.resources;
    if (resources) {
        json::object object;
        if (!resources->requests.empty()) object["requests"] = to_object(resources->requests);
        if (!resources->limits.empty()) object["limits"] = to_object(resources->limits);
        return object;
    }
    return {{"requests", {{"cpu", "100m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "512Mi"}}}};
}

json::object http_probe(const char* path, int period, int failures) {
    return {
        {"httpGet", {{"path", path}, {"port", "health"}}},
        {"periodSeconds", period},
        {"failureThreshold", failures},
        {"timeoutSeconds", 2},
    };
}

json::array container_ports(const manifest::gateway& gateway) {
    json::array ports;
    const auto add = [&](const std::string& name, std::uint16_t number) {
        ports.push_back({{"name", name}, {"containerPort", number}, {"protocol", "TCP"}});
    };
    // A port's name has at most 15 characters, a listener's 40: numbers instead of names.
    for (const auto& listener : gateway.listeners) {
        const auto number = container_port(listener.port);
        add("mqtt-" + std::to_string(number), number);
    }
    for (const auto& upstream : gateway.upstreams) {
        if (!upstream.embedded) continue;
        add("amqp-" + std::to_string(upstream.embedded->port), upstream.embedded->port);
    }
    add("health", port::health);
    add("metrics", port::metrics);
    return ports;
}

// Secrets are optional: a missing one is reported by the worker, which does not keep it from
// serving the rest.
void mount_secrets(const manifest::gateway& gateway, json::array& volumes, json::array& mounts) {
    std::size_t index = 0;
    for (const auto& use : manifest::secrets_of(gateway)) {
        const auto name = "secret-" + std::to_string(index++);
        json::array items;
        for (const auto& key : use.keys) items.push_back({{"key", key}, {"path", key}});
        volumes.push_back(
            {{"name", name},
             {"secret", {{"secretName", use.name}, {"items", std::move(items)}, {"optional", true}}}
            }
        );
        mounts.push_back(
            {{"name", name},
             {"mountPath", std::string(secrets_mount) + "/" + use.name},
             {"readOnly", true}}
        );
    }
}

json::object worker(const revision_inputs& inputs, const std::string& hash, json::array& volumes) {
    json::array mounts{
        {{"name", "config"}, {"mountPath", config_mount}, {"readOnly", true}},
    };
    mount_secrets(inputs.gateway, volumes, mounts);
    const json::array arguments{
        "--config",
        std::string(config_mount) + "/gateway.yaml",
        "--secrets-dir",
        secrets_mount,
        "--secrets-optional",
        "--bind-any",
        "--health-port",
        std::to_string(port::health),
        "--metrics-port",
        std::to_string(port::metrics),
        "--revision",
        hash,
    };
    return {
        {"name", worker_container},
        {"image", inputs.image},
        {"args", arguments},
        {"ports", container_ports(inputs.gateway)},
        {"resources", quantities(inputs.gateway)},
        {"volumeMounts", std::move(mounts)},
        {"startupProbe", http_probe("/livez", 2, startup_failures)},
        {"readinessProbe", http_probe("/readyz", 5, 2)},
        {"livenessProbe", http_probe("/livez", 10, 3)},
        {"securityContext",
         {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}}},
        {"terminationMessagePolicy", "FallbackToLogsOnError"},
    };
}

// Restores our items of a list, whatever was laid over them.
void put_back(json::array& items, const json::array& ours, std::string_view key) {
    for (const auto& original : ours) {
        const auto& id = original.as_object().at(key);
        bool found = false;
        for (auto& item : items) {
            const auto* object = item.if_object();
            const auto* other = object == nullptr ? nullptr : object->if_contains(key);
            if (other == nullptr || *other != id) continue;
            item = original;
            found = true;
        }
        if (!found) items.push_back(original);
    }
}

// What the user's template cannot change, since the gateway would not work or not be found.
void protect(json::object& merged, const json::object& ours) {
    auto& metadata = merged["metadata"];
    if (!metadata.is_object()) metadata.emplace_object();
    json::value labels(metadata.as_object()["labels"]);
    if (!labels.is_object()) labels.emplace_object();
    lay_over(labels, ours.at("metadata").at("labels"));
    metadata.as_object()["labels"] = std::move(labels);

    const auto& our_pod = ours.at("spec").as_object();
    auto& pod = merged["spec"].as_object();
    pod["terminationGracePeriodSeconds"] = our_pod.at("terminationGracePeriodSeconds");
    put_back(pod["volumes"].as_array(), our_pod.at("volumes").as_array(), "name");
    const auto& original = our_pod.at("containers").at(0).as_object();
    for (auto& item : pod["containers"].as_array()) {
        auto* container = item.if_object();
        if (container == nullptr || text_at(*container, {"name"}) != worker_container) continue;
        for (const auto* field : {"args", "startupProbe", "readinessProbe", "livenessProbe"}) {
            (*container)[field] = original.at(field);
        }
        container->erase("command");
        put_back(
            (*container)["ports"].as_array(), original.at("ports").as_array(), "containerPort"
        );
        put_back(
            (*container)["volumeMounts"].as_array(),
            original.at("volumeMounts").as_array(),
            "mountPath"
        );
    }
}

double cpu_request(const manifest::gateway& gateway) {
    if (!gateway.worker.resources) return 0.1;
    for (const auto& [name, quantity] : gateway.worker.resources->requests) {
        if (name != "cpu") continue;
        double number = 0;
        const auto* const end = quantity.data() + quantity.size();
        const auto parsed = std::from_chars(quantity.data(), end, number);
        return parsed.ptr != end && *parsed.ptr == 'm' ? number / 1000 : number;
    }
    return 0.1;
}

}  // namespace

std::uint32_t worker_threads(const manifest::gateway& gateway) {
    return static_cast<std::uint32_t>(std::clamp(std::ceil(cpu_request(gateway)), 1.0, 1024.0));
}

std::int64_t grace_seconds(const manifest::gateway& gateway) {
    // Stand-alone the delay is 0 by default, in a cluster 10 s: see render_config.
    const auto delay = std::max(gateway.drain.endpoint_delay, base::milliseconds{0});
    const auto total = (delay.count() == 0 ? cluster_endpoint_delay : delay) +
                       gateway.drain.timeout + grace_reserve;
    return std::chrono::ceil<base::seconds>(total).count();
}

json::object render_pod_template(const revision_inputs& inputs, const std::string& hash) {
    const auto& gateway = inputs.gateway;
    json::array volumes{
        {{"name", "config"},
         {"configMap",
          {{"name", revision_name(gateway.name, hash)},
           {"items", {{{"key", "gateway.yaml"}, {"path", "gateway.yaml"}}}}}}},
    };
    auto container = worker(inputs, hash, volumes);
    auto labels = common_labels({{}, gateway.name, {}});
    labels[label::revision] = hash;
    json::object metadata{{"labels", std::move(labels)}};
    if (!inputs.restarted_at.empty()) {
        metadata["annotations"] = {{annotation::restarted_at, inputs.restarted_at}};
    }
    const auto& account = gateway.service_account.name;
    json::object pod{
        {"serviceAccountName", account.empty() ? gateway.name : account},
        {"automountServiceAccountToken", false},
        {"enableServiceLinks", false},
        {"terminationGracePeriodSeconds", grace_seconds(gateway)},
        {"securityContext",
         {{"runAsNonRoot", true},
          {"runAsUser", 65532},
          {"runAsGroup", 65532},
          {"fsGroup", 65532},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
        {"topologySpreadConstraints",
         {{{"maxSkew", 1},
           {"topologyKey", "kubernetes.io/hostname"},
           {"whenUnsatisfiable", "ScheduleAnyway"},
           {"labelSelector", {{"matchLabels", pod_labels(gateway.name)}}}}}},
        {"containers", json::array{std::move(container)}},
        {"volumes", std::move(volumes)},
    };
    json::object ours{{"metadata", std::move(metadata)}, {"spec", std::move(pod)}};
    if (gateway.worker.pod_template.empty()) return ours;

    boost::system::error_code error;
    const auto overlay = json::parse(gateway.worker.pod_template, error);
    if (error || !overlay.is_object()) return ours;
    json::value merged(ours);
    lay_over(merged, overlay);
    protect(merged.get_object(), ours);
    return std::move(merged.get_object());
}

}  // namespace pgw::resources
