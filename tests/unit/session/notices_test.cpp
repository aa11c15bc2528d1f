// $SYS topics, and what the log is told.
#include "tests/unit/mqtt/hex.hpp"
#include "tests/unit/session/harness.hpp"

#include <gtest/gtest.h>

namespace pgw::session {
namespace {

struct noticing : testing::Test {
    thread_context context;
    fake_publisher& publisher = context.publisher;
};

TEST_F(noticing, publications_below_sys_are_acknowledged_dropped_and_told_once_a_client) {
    for (const auto version : {v311, v5}) {
        context.log.system.clear();
        peer client(context, version);
        client.connect("bridge");
        client.publish(1, "$SYS/broker/connection/vm.gw/state");
        client.publish(2, "$SYS/broker/version");
        client.publish(0, "$SYS/broker/version");
        EXPECT_EQ(puback_ids(client.answers()), (std::vector<int>{1, 2}));
        EXPECT_EQ(publisher.calls, 0u);
        EXPECT_EQ(
            context.log.system,
            std::vector<std::string>{"bridge $SYS/broker/connection/vm.gw/state"}
        );
    }
    EXPECT_EQ(context.metrics.system_dropped.value(), 6u);
}

TEST_F(noticing, will_below_sys_is_dropped_too) {
    mqtt::connect packet{.client_id = "bridge"};
    packet.will = mqtt::will{.topic = "$SYS/broker/state", .payload = base::as_bytes("0")};
    peer client(context, v311);
    client.connect(packet);
    client.session().on_end({}, context.now);
    EXPECT_EQ(publisher.calls, 0u);
    EXPECT_EQ(context.metrics.wills_lost.value(), 0u);
    EXPECT_EQ(context.metrics.system_dropped.value(), 1u);
}

TEST_F(noticing, other_dollar_topics_are_the_routes_business) {
    peer client(context);
    client.connect();
    client.publish(1, "$aws/things/x");
    client.publish(2, "$SYS");
    EXPECT_EQ(publisher.calls, 2u);
}

TEST_F(noticing, acknowledgement_of_a_sys_publication_waits_for_its_turn) {
    peer client(context);
    client.connect();
    client.publish(1, "a");
    client.publish(2, "$SYS/x");
    EXPECT_TRUE(client.output.empty());
    publisher.complete(0);
    EXPECT_EQ(puback_ids(client.answers()), (std::vector<int>{1, 2}));
}

TEST_F(noticing, refusal_that_3_1_1_cannot_be_told_is_in_the_log_with_its_reason) {
    publisher.script.push_back(
        {.status = bridge::submit_status::done,
         .result = result_of(
             bridge::result_class::refused, "no route matches the topic", bridge::refusal::no_route
         )}
    );
    peer client(context, v311);
    client.connect("old");
    client.publish(1);
    EXPECT_EQ(client.session().cause(), close_cause::refused_publication);
    EXPECT_EQ(context.log.refused, std::vector<std::string>{"old no route matches the topic"});
}

TEST_F(noticing, reason_of_a_refusal_that_waited_for_its_turn_is_not_lost) {
    peer client(context, v311);
    client.connect("old");
    client.publish(1);
    client.publish(2);
    publisher.complete(1, result_of(bridge::result_class::refused, "not allowed"));
    EXPECT_TRUE(context.log.refused.empty());
    publisher.complete(0);
    EXPECT_EQ(context.log.refused, std::vector<std::string>{"old not allowed"});
}

TEST_F(noticing, mqtt_5_is_told_itself) {
    peer client(context);
    client.connect();
    client.publish(1);
    publisher.complete(0, result_of(bridge::result_class::refused, "not allowed"));
    EXPECT_TRUE(context.log.refused.empty());
}

}  // namespace
}  // namespace pgw::session
