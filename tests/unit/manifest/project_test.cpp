// Cutting a stored manifest along the marks of its fields.
#include "common/manifest/project/project.hpp"

#include "tests/unit/manifest/manifest_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

namespace json = boost::json;
using namespace pgw::manifest;
using testing::ElementsAre;

json::object object(std::string_view text) {
    return json::parse(text).get_object();
}

const auto stored = object(R"({
  "apiVersion": "protocolgateway.dev/v1alpha1", "kind": "ProtocolGateway",
  "metadata": {"name": "g", "uid": "1", "labels": {"a": "b"}},
  "spec": {
    "threads": 2, "fieldOfTomorrow": 1,
    "listeners": [{"name": "m", "type": "MQTT", "port": 1883, "fieldOfTomorrow": 1}],
    "upstreams": [{"type": "Embedded", "name": "u", "embedded": {}}],
    "routes": {"publish": []},
    "limits": {"maxConnections": 5, "maxPacketSize": "1Ki"},
    "logging": {"level": "Debug"},
    "drain": {"timeout": "1s"},
    "shards": 3,
    "worker": {"image": "x", "upgradePolicy": "Manual", "resources": {"requests": {"memory": "1", "cpu": "1"}},
               "podTemplate": {"spec": {"z": 1, "a": {}}}},
    "serviceAccount": {"name": "n", "annotations": {"a": "b"}},
    "service": {"type": "NodePort"}
  },
  "status": {"replicas": 1}
})");

TEST(project, worker_manifest_holds_what_a_worker_obeys) {
    EXPECT_EQ(worker_manifest(stored), object(R"({
      "apiVersion": "protocolgateway.dev/v1alpha1", "kind": "ProtocolGateway",
      "metadata": {"name": "g"},
      "spec": {
        "threads": 2,
        "listeners": [{"name": "m", "type": "MQTT", "port": 1883}],
        "upstreams": [{"type": "Embedded", "name": "u", "embedded": {}}],
        "routes": {"publish": []},
        "limits": {"maxConnections": 5, "maxPacketSize": "1Ki"},
        "logging": {"level": "Debug"},
        "drain": {"timeout": "1s"}
      }
    })"));
}

TEST(project, roll_class_holds_what_needs_a_new_worker) {
    // As text: the order of the keys is part of the promise.
    EXPECT_EQ(
        json::serialize(roll_class(stored)),
        R"({"drain":{"timeout":"1s"},"limits":{"maxPacketSize":"1Ki"},)"
        R"("listeners":[{"name":"m","port":1883,"type":"MQTT"}],)"
        R"("serviceAccount":{"name":"n"},"threads":2,)"
        R"("upstreams":[{"name":"u","type":"Embedded"}],)"
        R"("worker":{"podTemplate":{"spec":{"a":{},"z":1}},)"
        R"("resources":{"requests":{"cpu":"1","memory":"1"}}}})"
    );
}

TEST(project, live_changes_and_shards_leave_roll_class_alone) {
    auto changed = stored;
    auto& spec = changed["spec"].get_object();
    spec["shards"] = 9;
    spec["autoscaling"] = object(R"({"maxShards": 9})");
    spec["limits"] = object(R"({"maxConnections": 3, "maxPacketSize": "1Ki"})");
    spec["logging"] = object("{}");
    spec["worker"].get_object()["image"] = "y";
    spec["service"].get_object()["type"] = "LoadBalancer";
    spec["monitoring"] = object(R"({"type": "PodMonitor"})");
    spec["fieldOfTomorrow"] = 2;
    EXPECT_EQ(roll_class(changed), roll_class(stored));
    spec["logging"] = object(R"({"format": "Json"})");
    EXPECT_NE(roll_class(changed), roll_class(stored));
}

TEST(project, takes_anything_for_a_manifest) {
    for (const auto* text : {"{}", R"({"spec": 1})", R"({"spec": {"listeners": [1, [2], {}]}})"}) {
        EXPECT_NO_THROW(roll_class(object(text))) << text;
        EXPECT_NO_THROW(worker_manifest(object(text))) << text;
    }
}

TEST(project, secrets_are_listed_by_name_with_all_their_keys) {
    pgw::test::manifest_text m;
    m.listeners =
        "[{name: a, type: MQTT, port: 1, tls: {secretRef: {name: shared}}}, {name: b, type: MQTT, "
        "port: 2, tls: {secretRef: {name: b}, clientAuth: {mode: Required, caSecretRef: {name: "
        "shared, key: ca.crt}}}}]";
    m.upstreams =
        "[{name: up, type: Artemis, endpoints: [\"amqps://h\"], sasl: {mechanism: Plain, "
        "secretRef: "
        "{name: login}}, tls: {secretRef: {name: shared}, caSecretRef: {name: ca, key: k}}}]";
    const auto read = read_manifest(m.text());
    ASSERT_TRUE(std::holds_alternative<gateway>(read)) << pgw::test::problems_of(m.text());
    const auto found = secrets_of(std::get<gateway>(read));
    ASSERT_EQ(found.size(), 4u);
    EXPECT_EQ(found[0].name, "b");
    EXPECT_EQ(found[1].name, "ca");
    EXPECT_EQ(found[1].path, "spec.upstreams[0].tls.caSecretRef");
    EXPECT_THAT(found[1].keys, ElementsAre("k"));
    EXPECT_EQ(found[2].name, "login");
    EXPECT_THAT(found[2].keys, ElementsAre("password", "username"));
    EXPECT_EQ(found[3].name, "shared");
    EXPECT_EQ(found[3].path, "spec.listeners[0].tls.secretRef");
    EXPECT_THAT(found[3].keys, ElementsAre("ca.crt", "tls.crt", "tls.key"));
}

}  // namespace
