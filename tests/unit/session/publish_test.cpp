// PUBLISH and PUBACK: results, order, limits, back-pressure.
#include "tests/unit/mqtt/hex.hpp"
#include "tests/unit/session/harness.hpp"
#include "worker/session/reason.hpp"

#include <gtest/gtest.h>

namespace pgw::session {
namespace {

using bridge::refusal;
using bridge::result_class;
using bridge::submit_status;

struct publishing : testing::Test {
    thread_context context;
    fake_publisher& publisher = context.publisher;
};

TEST_F(
    publishing, message_carries_everything_MQTT_3_3_2_4_MQTT_3_3_2_15_MQTT_3_3_2_16_MQTT_3_3_2_20
) {
    const mqtt::user_property list[] = {{"k", "1"}, {"k", "2"}};
    mqtt::publish packet{.qos = mqtt::qos::at_least_once, .retain = true, .packet_id = 5};
    packet.topic = "a/b";
    packet.payload = base::as_bytes("x");
    packet.properties = {
        .payload_format_indicator = false,
        .message_expiry_interval = 9,
        .response_topic = "r",
        .correlation_data = base::as_bytes("c"),
        .content_type = "t",
        .user_properties = list,
    };
    peer client(context);
    client.connect("c1");
    client.feed(packet);
    ASSERT_EQ(publisher.publications.size(), 1u);
    const auto& p = publisher.publications[0];
    EXPECT_EQ(p.client_id, "c1");
    EXPECT_EQ(p.topic, "a/b");
    EXPECT_EQ(p.payload, "x");
    EXPECT_EQ(p.assurance, bridge::assurance::at_least_once);
    EXPECT_TRUE(p.retain);
    EXPECT_FALSE(p.duplicate);
    EXPECT_EQ(p.format, bridge::payload_format::binary);
    EXPECT_EQ(p.expiry_seconds, 9u);
    EXPECT_EQ(p.content_type, "t");
    EXPECT_EQ(p.response_topic, "r");
    EXPECT_EQ(p.correlation_data, "c");
    const std::vector<std::pair<std::string, std::string>> expected{{"k", "1"}, {"k", "2"}};
    EXPECT_EQ(p.properties, expected);
    EXPECT_EQ(p.at, context.now);
}

TEST_F(publishing, qos_0_is_never_answered_MQTT_3_3_4_1) {
    peer client(context);
    client.connect();
    client.publish(0);
    publisher.script.push_back({.result = result_of(result_class::refused)});
    client.publish(0);
    EXPECT_TRUE(client.answers().empty());
    EXPECT_EQ(context.metrics.publishes_qos0.value(), 2u);
    EXPECT_EQ(context.metrics.qos0_refused.value(), 1u);
    EXPECT_EQ(context.metrics.payload_bytes.value(), 14u);
}

TEST_F(publishing, puback_withheld_until_the_result_is_there_MQTT_4_3_2_4_MQTT_2_2_1_5) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.publish(7);
        EXPECT_TRUE(client.answers().empty());
        const int before = client.changes;
        publisher.complete(0);
        EXPECT_GT(client.changes, before);
        const auto ack = client.answer<mqtt::puback>();
        EXPECT_EQ(ack.packet_id, 7);
        EXPECT_EQ(ack.reason, reason_code::success);
    }
    EXPECT_EQ(context.metrics.pubacks.value(), 2u);
}

TEST_F(publishing, pubacks_leave_in_the_order_of_the_publishes_MQTT_4_6_0_2) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        for (const int id : {5, 3, 9, 4, 60000}) client.publish(std::uint16_t(id));
        publisher.complete(4);
        publisher.complete(1);
        publisher.complete(2);
        EXPECT_TRUE(client.answers().empty());
        publisher.complete(0);
        EXPECT_EQ(puback_ids(client.answers()), (std::vector<int>{5, 3}));
        publisher.complete(0);
        EXPECT_EQ(puback_ids(client.answers()), (std::vector<int>{9, 4, 60000}));
    }
}

TEST_F(publishing, immediate_result_waits_for_its_turn) {
    peer client(context);
    client.connect();
    client.publish(1);
    publisher.script.push_back({.result = result_of(result_class::refused, "no")});
    client.publish(2);
    EXPECT_TRUE(client.answers().empty());
    publisher.complete(0);
    const auto list = client.answers();
    ASSERT_EQ(puback_ids(list), (std::vector<int>{1, 2}));
    const auto& refused = std::get<mqtt::puback>(list[1]);
    EXPECT_EQ(refused.reason, reason_code::unspecified_error);
    EXPECT_EQ(refused.properties.reason_string, "no");
}

TEST_F(publishing, results_have_their_reason_codes_in_mqtt_5_MQTT_3_4_2_1) {
    const struct {
        bridge::result result;
        reason_code reason;
    } rows[] = {
        {bridge::result{}, reason_code::success},
        {result_of(result_class::retry), reason_code::quota_exceeded},
        {result_of(result_class::expired), reason_code::unspecified_error},
        {result_of(result_class::refused), reason_code::unspecified_error},
        {result_of(result_class::refused, {}, refusal::unspecified), reason_code::unspecified_error
        },
        {result_of(result_class::refused, {}, refusal::implementation),
         reason_code::implementation_specific_error},
        {result_of(result_class::refused, {}, refusal::not_authorized), reason_code::not_authorized
        },
        {result_of(result_class::refused, {}, refusal::no_route), reason_code::topic_name_invalid},
        {result_of(result_class::refused, {}, refusal::quota), reason_code::quota_exceeded},
        {result_of(result_class::refused, {}, refusal::payload_format),
         reason_code::payload_format_invalid},
    };
    peer client(context);
    client.connect();
    for (const auto& row : rows) {
        client.publish(1);
        publisher.complete(0, row.result);
        EXPECT_EQ(client.answer<mqtt::puback>().reason, row.reason);
        EXPECT_EQ(client.session().phase(), session_phase::connected);
    }
}

TEST_F(publishing, reason_string_only_if_wanted_valid_and_fitting_MQTT_3_1_2_29_MQTT_3_4_2_2) {
    const auto refused = result_of(result_class::refused, "amqp:not-found");
    mqtt::connect packet{.client_id = "c"};
    packet.properties.request_problem_information = false;
    peer quiet(context);
    quiet.connect(packet);
    quiet.publish(1);
    publisher.complete(0, refused);
    EXPECT_FALSE(quiet.answer<mqtt::puback>().properties.reason_string);

    packet = {.client_id = "d"};
    packet.properties.maximum_packet_size = 45;
    peer small(context);
    small.connect(packet);
    small.publish(1);
    const std::string long_text(100, 'x');
    publisher.complete(0, result_of(result_class::refused, long_text));
    EXPECT_FALSE(small.answer<mqtt::puback>().properties.reason_string);

    peer client(context);
    client.connect("e");
    client.publish(1);
    publisher.complete(0, refused);
    EXPECT_EQ(client.answer<mqtt::puback>().properties.reason_string, "amqp:not-found");
    client.publish(1);
    publisher.complete(0, result_of(result_class::refused, "\xFF"));
    EXPECT_FALSE(client.answer<mqtt::puback>().properties.reason_string);
    client.publish(1);
    const std::string endless(100'000, 'x');
    publisher.complete(0, result_of(result_class::refused, endless));
    EXPECT_EQ(client.answer<mqtt::puback>().properties.reason_string->size(), 256u);
}

TEST_F(publishing, refused_in_3_1_1_disconnects_or_acknowledges_MQTT311_3_3_5_2) {
    peer client(context, v311);
    client.connect();
    client.publish(1);
    auto discarded = result_of(result_class::refused);
    discarded.silent = bridge::silent_refusal::acknowledge;
    publisher.complete(0, discarded);
    EXPECT_EQ(client.answer<mqtt::puback>().packet_id, 1);
    for (const auto kind : {result_class::refused, result_class::retry, result_class::expired}) {
        peer other(context, v311);
        other.connect("other");
        other.publish(1);
        other.publish(2);
        publisher.complete(1, result_of(kind));
        EXPECT_EQ(other.session().phase(), session_phase::connected);
        publisher.complete(0);
        EXPECT_EQ(puback_ids(other.answers()), std::vector<int>{1});
        EXPECT_EQ(other.session().phase(), session_phase::closing);
        EXPECT_EQ(other.session().cause(), close_cause::refused_publication);
    }
}

TEST_F(publishing, qos_2_is_beyond_the_maximum_MQTT_3_2_2_11) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.feed(mqtt::publish{.qos = mqtt::qos::exactly_once, .packet_id = 1, .topic = "a"});
        client.expect_closed(close_cause::protocol_error, reason_code::qos_not_supported);
        EXPECT_EQ(publisher.calls, 0u);
    }
}

TEST_F(publishing, receive_maximum_exceeded_ends_mqtt_5_MQTT_3_3_4_7) {
    context.limits.receive_maximum = 3;
    peer client(context);
    client.connect();
    for (int id = 1; id <= 3; ++id) client.publish(std::uint16_t(id));
    EXPECT_EQ(client.session().phase(), session_phase::connected);
    client.publish(0);
    EXPECT_EQ(publisher.calls, 4u);
    client.publish(4);
    client.expect_closed(
        close_cause::receive_maximum_exceeded, reason_code::receive_maximum_exceeded
    );
    EXPECT_EQ(publisher.calls, 4u);
}

TEST_F(publishing, full_window_pauses_3_1_1_until_an_acknowledgement) {
    context.limits.receive_maximum = 2;
    peer client(context, v311);
    client.connect();
    for (int id = 1; id <= 4; ++id) client.publish(std::uint16_t(id));
    EXPECT_TRUE(client.paused());
    EXPECT_EQ(publisher.calls, 2u);
    EXPECT_EQ(context.metrics.paused.value(), 1);
    publisher.complete(1);
    EXPECT_TRUE(client.paused());
    const int before = client.changes;
    publisher.complete(0);
    EXPECT_GT(client.changes, before);
    EXPECT_FALSE(client.paused());
    client.refeed();
    EXPECT_EQ(publisher.calls, 4u);
    EXPECT_TRUE(client.rest.empty());
    EXPECT_EQ(puback_ids(client.answers()), (std::vector<int>{1, 2}));
    EXPECT_EQ(context.metrics.paused.value(), 0);
}

TEST_F(publishing, unacknowledged_bytes_are_bounded) {
    context.limits.max_inflight_bytes = 40;
    peer client(context);
    client.connect();
    for (int id = 1; id <= 3; ++id) client.publish(std::uint16_t(id));
    EXPECT_EQ(publisher.calls, 2u);
    EXPECT_TRUE(client.paused());
    publisher.complete(0);
    client.refeed();
    EXPECT_EQ(publisher.calls, 3u);
    EXPECT_FALSE(client.paused());
}

TEST_F(publishing, one_publication_above_the_byte_bound_still_passes) {
    context.limits.max_inflight_bytes = 1;
    peer client(context);
    client.connect();
    client.publish(1);
    EXPECT_EQ(publisher.calls, 1u);
    EXPECT_FALSE(client.paused());
}

TEST_F(publishing, blocked_keeps_the_publish_and_resumes_on_capacity) {
    for (const std::uint16_t id : {std::uint16_t(0), std::uint16_t(9)}) {
        peer client(context);
        client.connect();
        publisher.publications.clear();
        publisher.usual = submit_status::blocked;
        client.publish(id);
        client.feed(mqtt::pingreq{});
        EXPECT_TRUE(client.paused());
        EXPECT_FALSE(client.rest.empty());
        EXPECT_TRUE(publisher.publications.empty());
        client.refeed();
        EXPECT_TRUE(client.paused());
        publisher.capacity();
        EXPECT_FALSE(client.paused());
        client.refeed();
        EXPECT_TRUE(client.paused());
        publisher.usual = submit_status::done;
        publisher.capacity();
        client.refeed();
        EXPECT_FALSE(client.paused());
        EXPECT_EQ(publisher.publications.size(), 1u);
        EXPECT_TRUE(client.rest.empty());
        EXPECT_EQ(client.answers().size(), id == 0 ? 1u : 2u);
    }
    EXPECT_EQ(context.metrics.publishes_qos1.value(), 1u);
}

TEST_F(publishing, packet_identifier_in_flight_is_absorbed_in_3_1_1_if_dup) {
    peer client(context, v311);
    client.connect();
    client.publish(1);
    client.publish(1, "a/b", true);
    EXPECT_EQ(publisher.calls, 1u);
    publisher.complete(0);
    EXPECT_EQ(puback_ids(client.answers()), std::vector<int>{1});
    client.publish(1);
    EXPECT_EQ(publisher.calls, 2u);
    client.publish(1);
    client.expect_closed(close_cause::protocol_error, {});
}

TEST_F(publishing, packet_identifier_in_flight_is_a_protocol_error_in_mqtt_5_MQTT_2_2_1_3) {
    for (const bool dup : {false, true}) {
        peer client(context);
        client.connect();
        for (const int id : {1, 2, 7, 3}) client.publish(std::uint16_t(id));
        client.publish(7, "a/b", dup);
        client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
    }
}

TEST_F(publishing, acknowledged_packet_identifier_is_a_new_publication_MQTT_4_3_2_5) {
    peer client(context);
    client.connect();
    client.publish(1);
    publisher.complete(0);
    client.publish(1, "a/b", true);
    EXPECT_EQ(publisher.calls, 2u);
    EXPECT_TRUE(publisher.publications[1].duplicate);
}

TEST_F(publishing, identifiers_wrap_around) {
    context.limits.receive_maximum = 100;
    peer client(context, v311);
    client.connect();
    std::vector<int> expected;
    std::uint16_t id = 65500;
    for (int i = 0; i < 90; ++i) {
        client.publish(id);
        expected.push_back(id);
        id = id == 65535 ? 1 : std::uint16_t(id + 1);
    }
    EXPECT_EQ(client.session().phase(), session_phase::connected);
    while (!publisher.waiting.empty()) publisher.complete(publisher.waiting.size() - 1);
    EXPECT_EQ(puback_ids(client.answers()), expected);
}

TEST_F(publishing, topic_alias_stands_for_its_topic_MQTT_3_3_2_12) {
    peer client(context);
    client.connect();
    mqtt::publish packet{.topic = "long/topic"};
    packet.properties.topic_alias = 32;
    client.feed(packet);
    packet.topic = "";
    client.feed(packet);
    packet.topic = "other";
    client.feed(packet);
    packet.topic = "";
    client.feed(packet);
    ASSERT_EQ(publisher.publications.size(), 4u);
    EXPECT_EQ(publisher.publications[1].topic, "long/topic");
    EXPECT_EQ(publisher.publications[3].topic, "other");
}

TEST_F(publishing, topic_aliases_end_with_the_connection_MQTT_3_3_2_7) {
    mqtt::publish packet{.topic = "t"};
    packet.properties.topic_alias = 1;
    peer first(context);
    first.connect();
    first.feed(packet);
    peer second(context);
    second.connect();
    packet.topic = "";
    second.feed(packet);
    second.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
}

TEST_F(publishing, topic_alias_out_of_range_or_unknown_MQTT_3_3_2_8_MQTT_3_3_2_9) {
    const struct {
        std::uint16_t alias;
        const char* topic;
        reason_code reason;
    } rows[] = {
        {33, "t", reason_code::topic_alias_invalid},
        {0xFFFF, "", reason_code::topic_alias_invalid},
        {1, "", reason_code::protocol_error},
        {0, "t", reason_code::topic_alias_invalid},
    };
    for (const auto& row : rows) {
        peer client(context);
        client.connect();
        mqtt::publish packet{.topic = row.topic};
        packet.properties.topic_alias = row.alias;
        client.feed(packet);
        client.expect_closed(close_cause::protocol_error, row.reason);
    }
    EXPECT_EQ(publisher.calls, 0u);
}

TEST_F(publishing, topic_aliases_are_bounded_in_bytes) {
    context.limits.max_packet_size = 1000;
    peer client(context);
    client.connect();
    const std::string topic(900, 't');
    mqtt::publish packet{.topic = topic};
    packet.properties.topic_alias = 1;
    client.feed(packet);
    client.feed(packet);
    EXPECT_EQ(client.session().phase(), session_phase::connected);
    packet.properties.topic_alias = 2;
    client.feed(packet);
    client.expect_closed(close_cause::protocol_error, reason_code::quota_exceeded);
}

TEST_F(publishing, too_many_topic_levels_are_refused_here) {
    context.limits.max_topic_levels = 3;
    peer client(context);
    client.connect();
    client.publish(1, "a/b/c");
    client.publish(2, "a/b/c/d");
    client.publish(0, "a/b/c/d");
    EXPECT_EQ(publisher.calls, 1u);
    publisher.complete(0);
    const auto list = client.answers();
    ASSERT_EQ(puback_ids(list), (std::vector<int>{1, 2}));
    EXPECT_EQ(std::get<mqtt::puback>(list[1]).reason, reason_code::topic_name_invalid);
    EXPECT_EQ(context.metrics.publishes_too_deep.value(), 2u);
    peer old(context, v311);
    old.connect("old");
    old.publish(0, "a/b/c/d");
    EXPECT_EQ(old.session().phase(), session_phase::connected);
    old.publish(1, "a/b/c/d");
    EXPECT_EQ(old.session().cause(), close_cause::refused_publication);
}

TEST_F(publishing, subscription_identifier_from_a_client_is_a_protocol_error_MQTT_3_3_4_6) {
    const std::uint32_t ids[] = {1};
    peer client(context);
    client.connect();
    mqtt::publish packet{.topic = "t"};
    packet.properties.subscription_identifiers = ids;
    client.feed(packet);
    client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
}

TEST_F(publishing, packet_above_the_maximum_is_refused_before_it_is_there_MQTT_3_2_2_15) {
    context.limits.max_packet_size = 1000;
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.feed(mqtt::hex("30 ff 07"));
        client.expect_closed(close_cause::packet_too_large, reason_code::packet_too_large);
    }
}

TEST_F(publishing, too_many_user_properties_end_the_connection) {
    context.limits.max_user_properties = 2;
    const mqtt::user_property list[] = {{"a", ""}, {"b", ""}, {"c", ""}};
    peer client(context);
    client.connect();
    mqtt::publish packet{.topic = "t"};
    packet.properties.user_properties = list;
    client.feed(packet);
    client.expect_closed(close_cause::protocol_error, reason_code::quota_exceeded);
}

TEST_F(publishing, results_after_the_end_are_ignored) {
    peer client(context);
    client.connect();
    client.publish(1);
    client.session().on_end({}, context.now);
    publisher.complete(0);
    EXPECT_TRUE(client.output.empty());
    publisher.capacity();
}

}  // namespace
}  // namespace pgw::session
