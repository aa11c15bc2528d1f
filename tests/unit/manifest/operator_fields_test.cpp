// The operator's fields: what they mean, and what is said of each fault.
#include "common/manifest/generate/print.hpp"
#include "tests/unit/manifest/manifest_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using namespace pgw::manifest;
using pgw::test::manifest_text;
using pgw::test::problems_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string text_with(const std::string& more) {
    manifest_text m;
    m.more = more;
    return m.text();
}

gateway read(const std::string& more) {
    auto result = read_manifest(text_with(more));
    EXPECT_EQ(problems_of(text_with(more)), "");
    return std::holds_alternative<gateway>(result) ? std::get<gateway>(std::move(result))
                                                   : gateway{};
}

TEST(operator_fields, have_defaults) {
    const auto g = read("");
    EXPECT_EQ(g.shards, 1u);
    EXPECT_FALSE(g.autoscaling.has_value());
    EXPECT_EQ(g.worker.image, "");
    EXPECT_EQ(g.worker.upgrade_policy, upgrade_policy::manual);
    EXPECT_FALSE(g.worker.resources.has_value());
    EXPECT_EQ(g.worker.pod_template, "");
    EXPECT_EQ(g.service.type, service_type::cluster_ip);
    EXPECT_EQ(g.rollout.max_concurrent_shards, 1u);
    EXPECT_EQ(g.rollout.progress_deadline, 10min);
    EXPECT_EQ(g.disruption.max_unavailable, 1u);
    EXPECT_EQ(g.monitoring.type, monitoring_type::none);
    EXPECT_FALSE(g.monitoring.pod_monitor.has_value());
    EXPECT_EQ(g.network_policy.type, network_policy_type::none);
}

TEST(operator_fields, arrive) {
    const auto g = read(R"(  shards: 0
  autoscaling: {maxShards: 8, targetCPUUtilization: 50, scaleDownStabilization: 1m30s}
  worker:
    image: "reg.example:5000/a/worker:1.2@sha256:0a"
    upgradePolicy: Automatic
    resources: {requests: {cpu: 1, memory: 64Mi, nvidia.com/gpu: "1"}, limits: {cpu: "0.5"}}
  serviceAccount: {name: gateway, annotations: {example.com/role: "any text: {}"}}
  service:
    type: LoadBalancer
    labels: {a: b, example.com/c: ""}
    annotations: {d: e}
    loadBalancerClass: example.com/internal
    loadBalancerSourceRanges: [10.0.0.0/8, "fd00::/8"]
    externalTrafficPolicy: Local
  rollout: {maxConcurrentShards: 3, progressDeadline: 1h}
  disruption: {maxUnavailable: 2}
  monitoring: {type: PodMonitor, podMonitor: {interval: 1m, labels: {release: prometheus}}}
  networkPolicy: {type: Managed, managed: {deviceCIDRs: [192.0.2.0/24]}}
)");
    EXPECT_EQ(g.shards, 0u);
    ASSERT_TRUE(g.autoscaling.has_value());
    EXPECT_EQ(g.autoscaling->min_shards, 1u);
    EXPECT_EQ(g.autoscaling->max_shards, 8u);
    EXPECT_EQ(g.autoscaling->target_cpu_utilization, 50u);
    EXPECT_EQ(g.autoscaling->scale_down_stabilization, 90s);
    EXPECT_EQ(g.worker.image, "reg.example:5000/a/worker:1.2@sha256:0a");
    EXPECT_EQ(g.worker.upgrade_policy, upgrade_policy::automatic);
    ASSERT_TRUE(g.worker.resources.has_value());
    EXPECT_THAT(
        g.worker.resources->requests,
        ElementsAre(Pair("cpu", "1"), Pair("memory", "64Mi"), Pair("nvidia.com/gpu", "1"))
    );
    EXPECT_THAT(g.worker.resources->limits, ElementsAre(Pair("cpu", "0.5")));
    EXPECT_EQ(g.service_account.name, "gateway");
    EXPECT_THAT(
        g.service_account.annotations, ElementsAre(Pair("example.com/role", "any text: {}"))
    );
    EXPECT_EQ(g.service.type, service_type::load_balancer);
    EXPECT_THAT(g.service.labels, ElementsAre(Pair("a", "b"), Pair("example.com/c", "")));
    EXPECT_EQ(g.service.load_balancer_class, "example.com/internal");
    EXPECT_THAT(g.service.load_balancer_source_ranges, ElementsAre("10.0.0.0/8", "fd00::/8"));
    EXPECT_EQ(g.service.external_traffic_policy, traffic_policy::local);
    EXPECT_EQ(g.rollout.max_concurrent_shards, 3u);
    EXPECT_EQ(g.rollout.progress_deadline, 1h);
    EXPECT_EQ(g.disruption.max_unavailable, 2u);
    ASSERT_TRUE(g.monitoring.pod_monitor.has_value());
    EXPECT_EQ(g.monitoring.pod_monitor->interval, 1min);
    EXPECT_THAT(g.monitoring.pod_monitor->labels, ElementsAre(Pair("release", "prometheus")));
    ASSERT_TRUE(g.network_policy.managed.has_value());
    EXPECT_THAT(g.network_policy.managed->device_cidrs, ElementsAre("192.0.2.0/24"));
}

TEST(operator_fields, chosen_members_of_unions_may_be_left_out) {
    const auto g = read("  monitoring: {type: PodMonitor}\n  networkPolicy: {type: Managed}\n");
    ASSERT_TRUE(g.monitoring.pod_monitor.has_value());
    EXPECT_EQ(g.monitoring.pod_monitor->interval, 30s);
    EXPECT_TRUE(g.network_policy.managed.has_value());
}

TEST(operator_fields, pod_template_is_kept_as_the_json_that_kubernetes_would_read) {
    const auto g = read(
        "  worker: {podTemplate: {metadata: {labels: {a: b, c: \"1\"}}, spec: {n: 1, f: 0.1, t: "
        "true, z: null, l: [a, {}, []], d: 2001-01-01, e: ''}}}\n"
    );
    EXPECT_EQ(
        g.worker.pod_template,
        R"({"metadata":{"labels":{"a":"b","c":"1"}},"spec":{"n":1,"f":1E-1,"t":true,"z":null,)"
        R"("l":["a",{},[]],"d":"2001-01-01","e":""}})"
    );
    EXPECT_EQ(read("  worker: {podTemplate: {}}\n").worker.pod_template, "");
}

TEST(operator_fields, print_to_what_reads_the_same) {
    const auto more =
        "  worker: {resources: {limits: {cpu: 2}}, podTemplate: {f: 0.1, g: 1e300, \"yes\": "
        "[\"1\", ~, {\"\": off-duty}]}}\n  monitoring: {type: PodMonitor}\n";
    const auto printed = print_manifest(read(more));
    EXPECT_EQ(problems_of(printed), "");
    EXPECT_EQ(print_manifest(std::get<gateway>(read_manifest(printed))), printed);
    EXPECT_EQ(
        std::get<gateway>(read_manifest(printed)).worker.pod_template,
        read(more).worker.pod_template
    );
}

struct fault {
    const char* name;
    const char* more;
    const char* problem;
};

class faulty_operator_fields : public testing::TestWithParam<fault> {};

TEST_P(faulty_operator_fields, are_refused_with_path_and_reason) {
    EXPECT_THAT(problems_of(text_with(GetParam().more)), HasSubstr(GetParam().problem));
}

constexpr fault faults[] = {
    {"too_many_shards", "  shards: 257\n", "spec.shards: 257 is not in 0..256"},
    {"no_maximum", "  autoscaling: {minShards: 2}\n", "spec.autoscaling.maxShards: is required"},
    {"minimum_above_maximum",
     "  autoscaling: {minShards: 3, maxShards: 2}\n",
     "spec.autoscaling.minShards: is more than maxShards"},
    {"fraction_of_a_second",
     "  rollout: {progressDeadline: 1500ms}\n",
     "spec.rollout.progressDeadline: must be a whole number of seconds"},
    {"image",
     "  worker: {image: \"a b\"}\n",
     "spec.worker.image: 'a b' is not a container image: registry/path:tag"},
    {"quantity",
     "  worker: {resources: {limits: {cpu: 1x}}}\n",
     "spec.worker.resources.limits.cpu: '1x' is not a quantity such as 100m, 0.5 or 64Mi"},
    {"negative_quantity",
     "  worker: {resources: {limits: {cpu: -1}}}\n",
     "spec.worker.resources.limits.cpu: '-1' is not a quantity"},
    {"fraction_as_quantity",
     "  worker: {resources: {limits: {cpu: 0.5}}}\n",
     "spec.worker.resources.limits.cpu: '0.5' is not text; write it in quotes"},
    {"resource_name",
     "  worker: {resources: {limits: {a/b/c: 1}}}\n",
     "spec.worker.resources.limits.a/b/c: 'a/b/c' is not a qualified name"},
    {"pod_template_as_text",
     "  worker: {podTemplate: \"{}\"}\n",
     "spec.worker.podTemplate: must be an object, not a scalar"},
    {"ambiguous_scalar_in_pod_template",
     "  worker: {podTemplate: {a: [{b: yes}]}}\n",
     "spec.worker.podTemplate.a[0].b: 'yes' is not text to every reader; write it in quotes (line"},
    {"account", "  serviceAccount: {name: A}\n", "'A' is not the name of a Kubernetes object"},
    {"label_value",
     "  service: {labels: {a: \"-\"}}\n",
     "spec.service.labels.a: '-' is not the value of a label"},
    {"label_without_value",
     "  service: {labels: {a: }}\n",
     "spec.service.labels.a: has no value; write one or leave the field out"},
    {"annotation_key", "  service: {annotations: {/a: b}}\n", "'/a' is not a qualified name"},
    {"cidr",
     "  service: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/33]}\n",
     "spec.service.loadBalancerSourceRanges[0]: '10.0.0.0/33' is not a network such as"},
    {"balancer_of_another_type",
     "  service: {type: NodePort, loadBalancerClass: a}\n",
     "spec.service.loadBalancerClass: belongs to type LoadBalancer only"},
    {"local_traffic_without_outside",
     "  service: {externalTrafficPolicy: Local}\n",
     "spec.service.externalTrafficPolicy: Local has no effect with type ClusterIP"},
    {"monitor_of_another_type",
     "  monitoring: {podMonitor: {}}\n",
     "spec.monitoring.podMonitor: belongs to type PodMonitor only"},
    {"policy_of_another_type",
     "  networkPolicy: {type: None, managed: {}}\n",
     "spec.networkPolicy.managed: belongs to type Managed only"},
    {"enum_without_quotes_that_kubernetes_reads_as_false",
     "  logging: {level: Off}\n",
     "spec.logging.level: 'Off' is not text; write it in quotes"},
};

INSTANTIATE_TEST_SUITE_P(
    each,
    faulty_operator_fields,
    testing::ValuesIn(faults),
    [](const auto& row) { return row.param.name; }
);

TEST(operator_fields, pod_template_is_bounded) {
    EXPECT_THAT(
        problems_of(text_with("  worker: {podTemplate: {a: " + std::string(65536, 'x') + "}}\n")),
        HasSubstr("spec.worker.podTemplate: is longer than 65536 bytes of JSON")
    );
    EXPECT_THAT(
        problems_of(
            text_with("  worker: {podTemplate: {a: [{? " + std::string(1000, 'k') + " : 1}]}}\n")
        ),
        HasSubstr("spec.worker.podTemplate.a[0]: has a key of more than 1000 characters")
    );
}

}  // namespace
