// What the controller remembers.
#include "operator/controllers/protocol_gateway/cache.hpp"

#include "tests/unit/operator/objects.hpp"

#include <gtest/gtest.h>

namespace pgw::controllers {
namespace {

using test::child_object;
using test::deployment_object;
using test::gateway_object;
using test::pod_object;

class cache_test : public testing::Test {
protected:
    std::size_t dirty() { return std::exchange(dirty_, 0); }

    std::size_t dirty_ = 0;
    cache known_{[this](const std::string& key, cause) {
        EXPECT_EQ(key, "iot/plant");
        ++dirty_;
    }};
    kube::reflector_sink& gateways_ = known_.gateways("");
    kube::reflector_sink& deployments_ = known_.children(child_kind::deployment, "");
    kube::reflector_sink& services_ = known_.children(child_kind::service, "");
    kube::reflector_sink& pods_ = known_.pods("");
    kube::reflector_sink& scalers_ = known_.scalers("");
};

TEST_F(cache_test, knows_a_gateway_with_all_that_is_its) {
    gateways_.on_changed(gateway_object());
    deployments_.on_changed(deployment_object({.name = "plant-0"}));
    services_.on_changed(child_object({.name = "plant"}));
    pods_.on_changed(pod_object({.name = "plant-0-x"}));
    EXPECT_EQ(dirty(), 4u);
    const auto* entry = known_.find("iot/plant");
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->record->ref.uid, "uid-1");
    EXPECT_EQ(entry->children.size(), 2u);
    ASSERT_EQ(entry->pods.size(), 1u);
    EXPECT_TRUE(entry->pods[0].ready);
    EXPECT_EQ(known_.gateways(), 1u);
}

TEST_F(cache_test, a_list_ends_with_forgetting_what_is_not_in_it) {
    gateways_.on_changed(gateway_object());
    services_.on_changed(child_object({.name = "a"}));
    services_.on_changed(child_object({.name = "b"}));
    deployments_.on_changed(deployment_object({.name = "plant-0"}));
    dirty();
    services_.on_list_begin();
    services_.on_listed(child_object({.name = "b"}));
    services_.on_list_end();
    auto* entry = known_.find("iot/plant");
    EXPECT_EQ(entry->find(child_kind::service, "a"), nullptr);
    EXPECT_NE(entry->find(child_kind::service, "b"), nullptr);
    EXPECT_NE(entry->find(child_kind::deployment, "plant-0"), nullptr);  // of another collection
    EXPECT_EQ(dirty(), 1u);
}

TEST_F(cache_test, forgets_a_gateway_when_nothing_of_it_is_left) {
    gateways_.on_changed(gateway_object());
    pods_.on_changed(pod_object({.name = "p"}));
    gateways_.on_removed(gateway_object());
    EXPECT_NE(known_.find("iot/plant"), nullptr);
    pods_.on_removed(pod_object({.name = "p"}));
    EXPECT_EQ(known_.find("iot/plant"), nullptr);
}

TEST_F(cache_test, an_older_event_does_not_undo_our_own_write) {
    deployments_.on_changed(deployment_object({.name = "plant-0", .version = "5", .revision = "a"})
    );
    known_.store_child(
        "iot/plant",
        child_kind::deployment,
        deployment_object({.name = "plant-0", .version = "10", .revision = "b"})
    );
    dirty();
    deployments_.on_changed(deployment_object({.name = "plant-0", .version = "9", .revision = "a"})
    );
    EXPECT_EQ(dirty(), 0u);
    const auto* held = known_.find("iot/plant")->find(child_kind::deployment, "plant-0");
    EXPECT_EQ(held->shard->revision, "b");
}

TEST_F(cache_test, our_own_write_coming_back_is_no_news) {
    known_.store_child(
        "iot/plant", child_kind::service, child_object({.name = "plant", .version = "10"})
    );
    services_.on_changed(child_object({.name = "plant", .version = "10"}));
    EXPECT_EQ(dirty(), 0u);
}

TEST_F(cache_test, verification_lasts_until_the_content_changes) {
    auto* held = known_.store_child(
        "iot/plant", child_kind::service, child_object({.name = "plant", .version = "1"})
    );
    held->verified = held->content;
    services_.on_changed(child_object({.name = "plant", .version = "2"}));
    held = known_.find("iot/plant")->find(child_kind::service, "plant");
    EXPECT_EQ(held->verified, held->content);
    auto edited = child_object({.name = "plant", .version = "3"});
    edited["spec"].as_object()["replicas"] = 2;
    services_.on_changed(std::move(edited));
    held = known_.find("iot/plant")->find(child_kind::service, "plant");
    EXPECT_NE(held->verified, held->content);
    // Another object of that name is another object.
    services_.on_changed(child_object({.name = "plant", .version = "4", .uid = "other"}));
    held = known_.find("iot/plant")->find(child_kind::service, "plant");
    EXPECT_EQ(held->verified, 0u);
}

TEST_F(cache_test, a_status_that_we_wrote_is_no_news_and_a_new_generation_is) {
    gateways_.on_changed(gateway_object("1"));
    dirty();
    auto written = gateway_object("2");
    written["status"] = {{"replicas", 1}};
    known_.store_gateway(written);
    gateways_.on_changed(std::move(written));
    EXPECT_EQ(dirty(), 0u);
    gateways_.on_changed(gateway_object("3", 2));
    EXPECT_EQ(dirty(), 1u);
}

TEST_F(cache_test, an_autoscaler_belongs_to_what_it_scales) {
    const auto scaler = [](const char* kind, const char* target) {
        return json::object{
            {"metadata", {{"name", "h"}, {"namespace", "iot"}, {"resourceVersion", "1"}}},
            {"spec",
             {{"scaleTargetRef",
               {{"apiVersion", "protocolgateway.dev/v1alpha1"}, {"kind", kind}, {"name", target}}}}
            },
        };
    };
    gateways_.on_changed(gateway_object());
    scalers_.on_changed(scaler("Deployment", "plant"));
    EXPECT_TRUE(known_.find("iot/plant")->scalers.empty());
    scalers_.on_changed(scaler("ProtocolGateway", "plant"));
    EXPECT_EQ(known_.find("iot/plant")->scalers.size(), 1u);
    scalers_.on_removed(scaler("ProtocolGateway", "plant"));
    EXPECT_TRUE(known_.find("iot/plant")->scalers.empty());
}

TEST_F(cache_test, a_report_goes_with_its_pod) {
    gateways_.on_changed(gateway_object());
    pods_.on_changed(pod_object({.name = "p", .uid = "pod-uid"}));
    known_.store_report("iot/plant", {"pod-uid", worker_report{}, {}});
    EXPECT_NE(known_.find("iot/plant")->report_of("pod-uid"), nullptr);
    pods_.on_removed(pod_object({.name = "p", .uid = "pod-uid"}));
    EXPECT_EQ(known_.find("iot/plant")->report_of("pod-uid"), nullptr);
}

}  // namespace
}  // namespace pgw::controllers
