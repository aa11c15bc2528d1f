// What a revision depends on, and what it does not.
#include "operator/resources/revision.hpp"

#include "tests/unit/operator/manifests.hpp"

namespace pgw::resources {
namespace {

using test::stored_gateway;

std::string hash_of(const char* more, std::string image = "worker:1") {
    const stored_gateway stored(more, std::move(image));
    return revision_hash(stored.inputs);
}

TEST(revision, depends_on_roll_class_fields_and_the_image) {
    const auto base = hash_of("{}");
    EXPECT_EQ(base.size(), 10u);
    EXPECT_NE(base, hash_of(R"({"listeners": [{"name": "mqtt", "type": "MQTT", "port": 1884}]})"));
    EXPECT_NE(base, hash_of(R"({"worker": {"resources": {"requests": {"cpu": "2"}}}})"));
    EXPECT_NE(
        base, hash_of(R"({"worker": {"podTemplate": {"spec": {"priorityClassName": "x"}}}})")
    );
    EXPECT_NE(base, hash_of("{}", "worker:2"));
}

TEST(revision, does_not_depend_on_live_class_fields) {
    const auto base = hash_of("{}");
    EXPECT_EQ(base, hash_of(R"({"shards": 7})"));
    EXPECT_EQ(base, hash_of(R"({"autoscaling": {"minShards": 2, "maxShards": 9}})"));
    EXPECT_EQ(base, hash_of(R"({"service": {"type": "LoadBalancer"}})"));
    EXPECT_EQ(base, hash_of(R"({"rollout": {"maxConcurrentShards": 3}})"));
    EXPECT_EQ(base, hash_of(R"({"logging": {"level": "Debug"}})"));
    EXPECT_EQ(base, hash_of(R"({"worker": {"upgradePolicy": "Automatic"}})"));
}

TEST(revision, a_restart_is_a_new_one) {
    stored_gateway stored;
    const auto before = revision_hash(stored.inputs);
    stored.inputs.restarted_at = "2026-01-01T00:00:00Z";
    EXPECT_NE(before, revision_hash(stored.inputs));
}

TEST(revision, survives_its_config_map) {
    const stored_gateway stored;
    const auto made = render_revision(stored.inputs);
    const auto object = revision_config_map(test::owner, made);
    EXPECT_EQ(text_at(object, {"metadata", "name"}), "plant-" + made.hash);
    const auto read = parse_revision(object);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->hash, made.hash);
    EXPECT_EQ(read->image, "worker:1");
    EXPECT_EQ(read->config, made.config);
    EXPECT_EQ(canonical(read->pod_template), canonical(made.pod_template));
}

TEST(revision, a_broken_config_map_holds_none) {
    const stored_gateway stored;
    auto object = revision_config_map(test::owner, render_revision(stored.inputs));
    object["data"].as_object()["pod-template.json"] = "{";
    EXPECT_FALSE(parse_revision(object));
}

TEST(revision, the_worker_reads_its_configuration) {
    const stored_gateway stored(R"({"shards": 3, "service": {"type": "NodePort"}})");
    const auto config = render_config(stored.inputs);
    const auto read = manifest::read_manifest(config);
    ASSERT_TRUE(std::holds_alternative<manifest::gateway>(read));
    const auto& gateway = std::get<manifest::gateway>(read);
    EXPECT_EQ(gateway.threads, 1u);
    EXPECT_EQ(gateway.drain.endpoint_delay, base::seconds{10});
    EXPECT_EQ(config.find("shards"), std::string::npos);
    EXPECT_EQ(config.find("NodePort"), std::string::npos);
}

TEST(revision, what_the_user_sets_is_not_replaced_for_the_cluster) {
    const stored_gateway stored(R"({"threads": 3, "drain": {"endpointDelay": "1s"}})");
    const auto read = manifest::read_manifest(render_config(stored.inputs));
    const auto& gateway = std::get<manifest::gateway>(read);
    EXPECT_EQ(gateway.threads, 3u);
    EXPECT_EQ(gateway.drain.endpoint_delay, base::seconds{1});
}

}  // namespace
}  // namespace pgw::resources
