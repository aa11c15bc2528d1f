// Verdicts and the status around them.
#include "operator/controllers/protocol_gateway/conditions.hpp"

#include "tests/unit/operator/manifests.hpp"
#include "tests/unit/operator/objects.hpp"

namespace pgw::controllers {
namespace {

using resources::find;
using resources::text_at;

constexpr base::time_point start{base::seconds{1000000}};
constexpr base::seconds later{120};

// A gateway with one shard that serves and whose worker reports that all is well.
class conditions_test : public testing::Test {
protected:
    conditions_test() {
        entry_.record = parse_gateway(test::gateway_object("7", 3));
        entry_.children.push_back(
            *parse_child(child_kind::deployment, test::deployment_object({.name = "plant-0"}))
        );
        auto revision = *parse_child(child_kind::revision, test::child_object({.name = "plant-b"}));
        revision.config_hash = "cc";
        entry_.children.push_back(revision);
        entry_.pods.push_back(*parse_pod(test::pod_object({.name = "p", .uid = "pod"})));
        report_.config_hash = "cc";
        report_.version = "0.1.0";
        report_.clients = 5;
        report_.upstreams = {{"bus", true, true, {}}};
    }

    status_input input() {
        entry_.reports = {{"pod", report_, since_}};
        status_input in(entry_);
        in.now = start + later;
        in.gateway = &stored_.gateway;
        in.target = "b";
        in.target_image = in.default_image = "worker:1";
        in.version = "0.2.0";
        in.rollout.desired = 1;
        in.rollout.target = "b";
        view_shards(entry_, in.now, in.rollout);
        in.plan = plan_rollout(in.rollout);
        return in;
    }
    std::map<std::string, condition> judged(const status_input& in) {
        std::map<std::string, condition> by_type;
        for (auto& c : judge_conditions(in, in.rollout.desired)) by_type[c.type] = c;
        return by_type;
    }

    test::stored_gateway stored_;
    gateway_entry entry_;
    worker_report report_;
    base::time_point since_ = start;
};

TEST_F(conditions_test, all_is_well) {
    const auto by_type = judged(input());
    for (const auto* type :
         {"Ready",
          "Available",
          "ConfigurationValid",
          "ReferencesResolved",
          "UpstreamsReachable",
          "ShardsReady"}) {
        EXPECT_EQ(by_type.at(type).status, verdict::yes) << type;
    }
    EXPECT_EQ(by_type.at("ScalingConflict").status, verdict::no);
    EXPECT_EQ(by_type.at("Paused").status, verdict::no);
    EXPECT_FALSE(by_type.contains("Reconciling"));
    EXPECT_FALSE(by_type.contains("Stalled"));
}

TEST_F(conditions_test, an_invalid_spec_is_said_with_its_field_and_the_shards_go_on) {
    auto in = input();
    in.gateway = nullptr;
    in.problems = {"spec.routes.publish[0].to.upstream: there is no upstream 'x'"};
    const auto by_type = judged(in);
    EXPECT_EQ(by_type.at("ConfigurationValid").status, verdict::no);
    EXPECT_EQ(by_type.at("ConfigurationValid").reason, "SpecInvalid");
    EXPECT_NE(
        by_type.at("ConfigurationValid").message.find("routes.publish[0]"), std::string::npos
    );
    EXPECT_EQ(by_type.at("Available").status, verdict::yes);
    EXPECT_EQ(by_type.at("Ready").status, verdict::no);
    EXPECT_EQ(by_type.at("Stalled").status, verdict::yes);
}

TEST_F(conditions_test, a_missing_secret_is_said_with_its_path) {
    report_.missing = {
        {"spec.listeners[0].tls.secretRef", "Secret 'tls', key 'tls.crt': no such file"}
    };
    const auto by_type = judged(input());
    EXPECT_EQ(by_type.at("ReferencesResolved").status, verdict::no);
    EXPECT_EQ(
        by_type.at("ReferencesResolved").message,
        "spec.listeners[0].tls.secretRef: Secret 'tls', key 'tls.crt': no such file"
    );
    EXPECT_EQ(by_type.at("Ready").reason, "Missing");
}

TEST_F(conditions_test, an_upstream_counts_as_lost_after_half_a_minute) {
    report_.upstreams[0] = {"bus", true, false, "connection refused"};
    since_ = start + later - base::seconds{10};
    entry_.record->status =
        R"({"conditions": [{"type": "UpstreamsReachable", "status": "True", "reason": "Reachable", "message": ""}]})";
    EXPECT_EQ(judged(input()).at("UpstreamsReachable").status, verdict::yes);
    since_ = start;
    const auto by_type = judged(input());
    EXPECT_EQ(by_type.at("UpstreamsReachable").status, verdict::no);
    EXPECT_EQ(by_type.at("UpstreamsReachable").message, "Unreachable: bus (connection refused)");
    EXPECT_EQ(by_type.at("Ready").status, verdict::no);
    EXPECT_EQ(by_type.at("Available").status, verdict::yes);
}

TEST_F(conditions_test, an_upstream_that_no_route_uses_does_not_matter) {
    report_.upstreams.push_back({"spare", false, false, "refused"});
    EXPECT_EQ(judged(input()).at("Ready").status, verdict::yes);
}

TEST_F(conditions_test, a_worker_that_cannot_be_asked_is_unknown_not_wrong) {
    auto in = input();
    entry_.reports = {{"pod", std::nullopt, since_}};
    const auto by_type = judged(in);
    EXPECT_EQ(by_type.at("UpstreamsReachable").status, verdict::unknown);
    EXPECT_EQ(by_type.at("ReferencesResolved").status, verdict::unknown);
    EXPECT_EQ(by_type.at("Ready").status, verdict::unknown);
    EXPECT_EQ(by_type.at("Available").status, verdict::yes);
}

TEST_F(conditions_test, a_worker_that_was_not_asked_yet_changes_nothing) {
    const auto first = build_status(input(), {}, "2026-01-01T00:00:00Z");
    entry_.record->status = json::serialize(first);
    auto in = input();
    entry_.reports.clear();
    EXPECT_FALSE(status_differs(first, build_status(in, first, "2026-01-02T00:00:00Z")));
    // Neither does it make good what was said before.
    report_.missing = {{"spec.x", "y"}};
    const auto bad = build_status(input(), first, "2026-01-02T00:00:00Z");
    entry_.record->status = json::serialize(bad);
    entry_.reports.clear();
    EXPECT_FALSE(status_differs(bad, build_status(in, bad, "2026-01-03T00:00:00Z")));
}

TEST_F(conditions_test, a_live_change_is_done_when_the_worker_has_applied_it) {
    report_.config_hash = "old";
    const auto by_type = judged(input());
    EXPECT_EQ(by_type.at("ShardsReady").reason, "ConfigurationPending");
    EXPECT_EQ(by_type.at("Reconciling").status, verdict::yes);
}

TEST_F(conditions_test, zero_shards_is_stopped_on_purpose_and_ready) {
    entry_.pods.clear();
    entry_.children.clear();
    auto in = input();
    in.rollout = {};
    in.rollout.target = "b";
    in.plan = plan_rollout(in.rollout);
    const auto by_type = judged(in);
    EXPECT_EQ(by_type.at("Ready").status, verdict::yes);
    EXPECT_EQ(by_type.at("Ready").reason, "Stopped");
    EXPECT_EQ(by_type.at("Available").status, verdict::no);
    EXPECT_FALSE(by_type.contains("Reconciling"));
}

TEST_F(conditions_test, name_conflicts_and_refused_pods_stall) {
    auto in = input();
    in.applied.name_conflicts = {"Service 'plant' exists and does not belong to this gateway"};
    EXPECT_EQ(judged(in).at("ReferencesResolved").reason, "NameConflict");
    EXPECT_EQ(judged(in).at("Stalled").status, verdict::yes);
    in.applied = {};
    in.applied.rejected = "spec.template.spec.containers[0].image: Required value";
    EXPECT_EQ(judged(in).at("ConfigurationValid").reason, "PodTemplateRejected");
    EXPECT_EQ(judged(in).at("Stalled").status, verdict::yes);
}

TEST_F(conditions_test, autoscalers_conflict_only_when_there_are_two) {
    auto in = input();
    in.foreign_scalers = {"mine"};
    EXPECT_EQ(judged(in).at("ScalingConflict").status, verdict::no);
    EXPECT_EQ(judged(in).at("ScalingConflict").reason, "ForeignAutoscaler");
    in.foreign_scalers = {"mine", "yours"};
    EXPECT_EQ(judged(in).at("ScalingConflict").status, verdict::yes);
    const test::stored_gateway scaled(R"({"autoscaling": {"maxShards": 3}})");
    in.gateway = &scaled.gateway;
    in.foreign_scalers = {"mine"};
    EXPECT_EQ(judged(in).at("ScalingConflict").status, verdict::yes);
}

TEST_F(conditions_test, a_transition_time_moves_only_with_the_status) {
    const auto first = build_status(input(), {}, "2026-01-01T00:00:00Z");
    entry_.record->status = json::serialize(first);
    const auto same = build_status(input(), first, "2026-01-02T00:00:00Z");
    EXPECT_FALSE(status_differs(first, same));

    report_.missing = {{"spec.x", "y"}};
    const auto next = build_status(input(), first, "2026-01-03T00:00:00Z");
    EXPECT_TRUE(status_differs(first, next));
    for (const auto& item : next.at("conditions").as_array()) {
        const auto& c = item.as_object();
        const bool moved =
            text_at(c, {"type"}) == "Ready" || text_at(c, {"type"}) == "ReferencesResolved";
        EXPECT_EQ(
            text_at(c, {"lastTransitionTime"}),
            moved ? "2026-01-03T00:00:00Z" : "2026-01-01T00:00:00Z"
        ) << text_at(c, {"type"});
        EXPECT_EQ(c.at("observedGeneration"), 3);
    }
    EXPECT_EQ(transitions(first, next).size(), 2u);
}

TEST_F(conditions_test, connections_are_written_for_a_tenth_and_for_none) {
    const auto first = build_status(input(), {}, "t");
    EXPECT_EQ(first.at("connections"), 5);
    const auto after = [&](std::int64_t clients, bool may_move = true) {
        report_.clients = clients;
        auto in = input();
        in.may_move_connections = may_move;
        return build_status(in, {{"connections", 100}}, "t").at("connections").as_int64();
    };
    EXPECT_EQ(after(105), 100);
    EXPECT_EQ(after(111), 111);
    EXPECT_EQ(after(111, false), 100);
    EXPECT_EQ(after(0), 0);
}

TEST_F(conditions_test, a_shard_that_does_not_run_says_why) {
    const auto because = [&](const char* pod_status) {
        auto deployment = test::deployment_object({.name = "plant-0"});
        deployment["status"].as_object()["availableReplicas"] = 0;
        entry_.children[0] = *parse_child(child_kind::deployment, deployment);
        auto object = test::pod_object({.name = "p", .uid = "pod"}, false);
        object["status"] = json::parse(pod_status);
        entry_.pods[0] = *parse_pod(object);
        return judged(input()).at("Ready").message;
    };
    EXPECT_EQ(because("{}"), "0 of 1 shards serve.");
    EXPECT_EQ(
        because(
            R"({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]})"
        ),
        "0 of 1 shards serve."
    );
    for (const auto* reason : {"ErrImagePull", "ImagePullBackOff"}) {
        auto text = R"({"containerStatuses": [{"image": "w:9", "state": {"waiting": {"reason": ")" +
                    std::string(reason) + R"(", "message": "changes"}}}]})";
        EXPECT_EQ(
            because(text.c_str()), "0 of 1 shards serve. Shard 0: image w:9 cannot be pulled"
        );
    }
    EXPECT_EQ(
        because(R"({"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]})"),
        "0 of 1 shards serve. Shard 0: its worker ends again and again, last with exit code 137 "
        "(OOMKilled)"
    );
    EXPECT_EQ(
        because(R"({"containerStatuses": [{"state": {"waiting":
                    {"reason": "CreateContainerConfigError", "message": "no such key"}}}]})"),
        "0 of 1 shards serve. Shard 0: CreateContainerConfigError: no such key"
    );
    EXPECT_EQ(
        because(R"({"conditions": [{"type": "PodScheduled", "status": "False",
                    "message": "0/1 nodes are available"}]})"),
        "0 of 1 shards serve. Shard 0: no node takes its pod: 0/1 nodes are available"
    );
}

TEST_F(conditions_test, a_shard_that_gets_no_pod_says_why) {
    auto deployment = test::deployment_object({.name = "plant-0"});
    deployment["status"] = json::parse(
        R"({"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]})"
    );
    entry_.children[0] = *parse_child(child_kind::deployment, deployment);
    entry_.pods.clear();
    EXPECT_EQ(
        judged(input()).at("ShardsReady").message, "0 of 1 shards serve. Shard 0: exceeded quota"
    );
}

TEST_F(conditions_test, the_status_says_where_and_what) {
    auto in = input();
    in.default_image = "worker:2";
    const auto status = build_status(in, {}, "2026-01-01T00:00:00Z");
    EXPECT_EQ(text_at(status, {"selector"}), "protocolgateway.dev/gateway=plant");
    EXPECT_EQ(status.at("replicas"), 1);
    EXPECT_EQ(status.at("readyReplicas"), 1);
    EXPECT_EQ(text_at(status, {"currentRevision"}), "b");
    EXPECT_EQ(text_at(status, {"worker", "version"}), "0.1.0");
    EXPECT_EQ(text_at(status, {"worker", "availableVersion"}), "0.2.0");
    EXPECT_EQ(text_at(status.at("shards").as_array().at(0).as_object(), {"state"}), "Ready");
    EXPECT_EQ(text_at(status.at("shards").as_array().at(0).as_object(), {"name"}), "plant-0");
    EXPECT_EQ(status.at("endpoints").as_array().at(0).at("address"), "plant.iot.svc:1883");
}

TEST_F(conditions_test, the_order_of_keyed_lists_makes_no_difference) {
    const auto status = build_status(input(), {}, "t");
    auto other = status;
    auto& list = other["conditions"].as_array();
    std::swap(list[0], list[1]);
    EXPECT_FALSE(status_differs(status, other));
}

}  // namespace
}  // namespace pgw::controllers
