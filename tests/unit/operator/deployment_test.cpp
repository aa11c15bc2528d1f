// Pods and Deployments.
#include "operator/resources/deployment.hpp"

#include "operator/resources/companions.hpp"
#include "operator/resources/pod_template.hpp"
#include "tests/unit/operator/manifests.hpp"

#include <algorithm>

namespace pgw::resources {
namespace {

using test::stored_gateway;

json::object deployment_of(const stored_gateway& stored, std::uint32_t index = 0) {
    return shard_deployment(test::owner, render_revision(stored.inputs), {index, 600, {}});
}
const json::object& pod_of(const json::object& deployment) {
    return find(deployment, {"spec", "template"})->as_object();
}
const json::object& worker_of(const json::object& deployment) {
    return find(pod_of(deployment), {"spec", "containers"})->as_array().at(0).as_object();
}

TEST(deployment, is_one_pod_that_is_replaced_before_it_goes) {
    const stored_gateway stored;
    const auto deployment = deployment_of(stored, 3);
    EXPECT_EQ(text_at(deployment, {"metadata", "name"}), "plant-3");
    EXPECT_EQ(number_at(deployment, {"spec", "replicas"}), 1);
    EXPECT_EQ(
        *find(deployment, {"spec", "strategy", "rollingUpdate"}),
        json::parse(R"({"maxSurge": 1, "maxUnavailable": 0})")
    );
    EXPECT_EQ(
        *find(deployment, {"spec", "selector", "matchLabels"}),
        json::parse(R"({"protocolgateway.dev/gateway": "plant", "protocolgateway.dev/shard": "3"})")
    );
    EXPECT_EQ(text_at(pod_of(deployment), {"metadata", "labels", label::shard}), "3");
    const auto& owners = find(deployment, {"metadata", "ownerReferences"})->as_array();
    ASSERT_EQ(owners.size(), 1u);
    EXPECT_EQ(text_at(owners[0].as_object(), {"uid"}), "uid-1");
}

TEST(deployment, satisfies_the_restricted_pod_security_standard) {
    const stored_gateway stored;
    const auto deployment = deployment_of(stored);
    EXPECT_EQ(
        *find(worker_of(deployment), {"securityContext"}),
        json::parse(R"({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                        "capabilities": {"drop": ["ALL"]}})")
    );
    const auto& pod = find(pod_of(deployment), {"spec", "securityContext"})->as_object();
    EXPECT_TRUE(pod.at("runAsNonRoot").as_bool());
    EXPECT_EQ(text_at(pod, {"seccompProfile", "type"}), "RuntimeDefault");
    EXPECT_FALSE(find(pod_of(deployment), {"spec", "automountServiceAccountToken"})->as_bool());
}

TEST(deployment, mounts_each_secret_once_and_optional) {
    const stored_gateway stored(R"({"listeners": [
        {"name": "a", "type": "MQTT", "port": 8883, "tls": {"secretRef": {"name": "front"}}},
        {"name": "b", "type": "MQTT", "port": 8884, "tls": {"secretRef": {"name": "front"}}}]})");
    const auto deployment = deployment_of(stored);
    const auto& volumes = find(pod_of(deployment), {"spec", "volumes"})->as_array();
    ASSERT_EQ(volumes.size(), 2u);
    EXPECT_EQ(
        volumes[1].at("secret"),
        json::parse(R"({"secretName": "front", "optional": true,
                        "items": [{"key": "tls.crt", "path": "tls.crt"}, {"key": "tls.key", "path": "tls.key"}]})"
        )
    );
    const auto& mounts = worker_of(deployment).at("volumeMounts").as_array();
    EXPECT_EQ(mounts.at(1).at("mountPath"), "/etc/protocol-gateway/secrets/front");
    for (const auto& mount : mounts) EXPECT_FALSE(mount.as_object().contains("subPath"));
}

TEST(deployment, ports_below_1024_move_up) {
    const stored_gateway stored(R"({"listeners": [{"name": "mqtt", "type": "MQTT", "port": 883}]})"
    );
    const auto deployment = deployment_of(stored);
    EXPECT_EQ(worker_of(deployment).at("ports").at(0).at("containerPort"), 10883);
    const auto service = device_service(test::owner, stored.gateway);
    const auto& port = find(service, {"spec", "ports"})->as_array().at(0);
    EXPECT_EQ(port.at("port"), 883);
    EXPECT_EQ(port.at("targetPort"), 10883);
}

TEST(deployment, grace_is_delay_and_drain_and_a_reserve) {
    const stored_gateway plain;
    EXPECT_EQ(grace_seconds(plain.gateway), 10 + 10 + 10);
    const stored_gateway set(R"({"drain": {"endpointDelay": "5s", "timeout": "1m"}})");
    EXPECT_EQ(grace_seconds(set.gateway), 5 + 60 + 10);
}

TEST(deployment, threads_follow_the_cpu_request) {
    EXPECT_EQ(worker_threads(stored_gateway().gateway), 1u);
    const stored_gateway half(R"({"worker": {"resources": {"requests": {"cpu": "1500m"}}}})");
    EXPECT_EQ(worker_threads(half.gateway), 2u);
    const stored_gateway four(R"({"worker": {"resources": {"requests": {"cpu": "4"}}}})");
    EXPECT_EQ(worker_threads(four.gateway), 4u);
}

TEST(pod_template, takes_the_users_overlay) {
    const stored_gateway stored(R"({"worker": {"podTemplate": {
        "metadata": {"annotations": {"a": "b"}, "labels": {"team": "iot"}},
        "spec": {"nodeSelector": {"zone": "a"}, "containers": [
            {"name": "worker", "env": [{"name": "X", "value": "1"}]}, {"name": "sidecar", "image": "s"}],
            "volumes": [{"name": "extra", "emptyDir": {}}]}}}})");
    const auto deployment = deployment_of(stored);
    const auto& pod = pod_of(deployment);
    EXPECT_EQ(text_at(pod, {"metadata", "annotations", "a"}), "b");
    EXPECT_EQ(text_at(pod, {"metadata", "labels", "team"}), "iot");
    EXPECT_EQ(text_at(pod, {"spec", "nodeSelector", "zone"}), "a");
    EXPECT_EQ(find(pod, {"spec", "containers"})->as_array().size(), 2u);
    EXPECT_EQ(find(pod, {"spec", "volumes"})->as_array().size(), 2u);
    const auto& env = worker_of(deployment).at("env").as_array();
    ASSERT_EQ(env.size(), 2u);
    EXPECT_EQ(env[0].at("name"), "X");
    EXPECT_EQ(env[1], json::parse(R"({"name": "PGW_SHARD", "value": "0"})"));
}

TEST(pod_template, what_the_gateway_stands_on_is_protected_from_the_overlay) {
    const stored_gateway plain;
    const stored_gateway hostile(R"({"worker": {"podTemplate": {
        "metadata": {"labels": {"protocolgateway.dev/gateway": "other", "protocolgateway.dev/shard": "9"}},
        "spec": {"terminationGracePeriodSeconds": 1, "volumes": [{"name": "config", "emptyDir": {}}],
            "containers": [{"name": "worker", "args": ["x"], "command": ["sh"], "livenessProbe": null,
                "readinessProbe": {"periodSeconds": 99},
                "ports": [{"containerPort": 1883, "name": "mine"}],
                "volumeMounts": [{"mountPath": "/etc/protocol-gateway/config", "name": "other", "subPath": "x"}]}]}}}})"
    );
    const auto expected = deployment_of(plain);
    const auto actual = deployment_of(hostile);
    EXPECT_EQ(text_at(pod_of(actual), {"metadata", "labels", label::gateway}), "plant");
    EXPECT_EQ(text_at(pod_of(actual), {"metadata", "labels", label::shard}), "0");
    EXPECT_EQ(number_at(pod_of(actual), {"spec", "terminationGracePeriodSeconds"}), 30);
    EXPECT_FALSE(worker_of(actual).contains("command"));
    for (const auto* field :
         {"readinessProbe", "livenessProbe", "startupProbe", "ports", "volumeMounts"}) {
        EXPECT_EQ(worker_of(actual).at(field), worker_of(expected).at(field)) << field;
    }
    const auto& volume = find(pod_of(actual), {"spec", "volumes"})->as_array().at(0).as_object();
    EXPECT_FALSE(volume.contains("emptyDir"));
    EXPECT_TRUE(volume.contains("configMap"));
}

TEST(companions, are_what_the_gateway_asks_for) {
    const auto kinds = [](const char* more, bool pod_monitors, bool autoscale) {
        const stored_gateway stored(more);
        std::vector<std::string> found;
        for (const auto& object :
             companions(test::owner, stored.gateway, {pod_monitors}, autoscale)) {
            found.push_back(
                std::string(text_at(object, {"kind"})) + "/" +
                std::string(text_at(object, {"metadata", "name"}))
            );
        }
        return found;
    };
    const std::vector<std::string> base{
        "ServiceAccount/plant",
        "Service/plant",
        "Service/plant-metrics",
        "Service/plant-internal",
        "PodDisruptionBudget/plant"
    };
    EXPECT_EQ(kinds("{}", true, true), base);
    auto all = base;
    all.insert(
        all.end(), {"HorizontalPodAutoscaler/plant", "NetworkPolicy/plant", "PodMonitor/plant"}
    );
    const auto* everything =
        R"({"autoscaling": {"maxShards": 4}, "networkPolicy": {"type": "Managed"},
                                 "monitoring": {"type": "PodMonitor"}})";
    EXPECT_EQ(kinds(everything, true, true), all);
    const auto without = kinds(everything, false, false);
    EXPECT_EQ(std::count(without.begin(), without.end(), "HorizontalPodAutoscaler/plant"), 0);
    EXPECT_EQ(std::count(without.begin(), without.end(), "PodMonitor/plant"), 0);
    const auto named = kinds(R"({"serviceAccount": {"name": "mine"}})", true, true);
    EXPECT_EQ(std::count(named.begin(), named.end(), "ServiceAccount/plant"), 0);
}

}  // namespace
}  // namespace pgw::resources
