// CONNECT and CONNACK: versions, identifiers, what is announced, takeover, Wills.
#include "tests/unit/mqtt/hex.hpp"
#include "tests/unit/session/harness.hpp"

#include <gtest/gtest.h>

namespace pgw::session {
namespace {

using mqtt::connect_return_code;
using mqtt::hex;

struct connecting : testing::Test {
    thread_context context;

    /// Feeds bytes to a fresh session and returns its whole output as bytes.
    std::vector<std::byte> first(base::bytes_view bytes) {
        peer client(context);
        client.feed(bytes);
        EXPECT_EQ(client.session().phase(), session_phase::closing);
        cause = client.session().cause();
        return client.output;
    }
    close_cause cause{};
};

TEST_F(connecting, first_packet_must_be_connect_MQTT_3_1_0_1) {
    for (const auto* text : {"c0 00", "c0", "30", "e0 00", "20 02 00 00", "00", "f0 00"}) {
        EXPECT_TRUE(first(hex(text)).empty()) << text;
        EXPECT_EQ(cause, close_cause::protocol_error);
    }
    EXPECT_EQ(context.clients.size(), 0u);
}

TEST_F(connecting, second_connect_is_a_protocol_error_MQTT_3_1_0_2) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.feed(mqtt::connect{.version = version, .client_id = "c1"});
        client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
    }
}

TEST_F(
    connecting, all_three_versions_are_accepted_MQTT_3_1_4_5_MQTT_3_2_0_1_MQTT_3_2_2_2_MQTT_3_2_2_3
) {
    for (const auto version : {v31, v311, v5}) {
        peer client(context, version);
        client.feed(mqtt::connect{.version = version, .keep_alive = 10, .client_id = "c"});
        const auto answer = client.answer<mqtt::connack>();
        EXPECT_EQ(answer.return_code, connect_return_code::accepted);
        EXPECT_FALSE(answer.session_present);  // [MQTT-3.2.2-2], [MQTT-3.2.2-3]
        EXPECT_EQ(context.clients.find("c"), &client.session());
    }
    EXPECT_EQ(context.metrics.connects_v3.value(), 2u);
    EXPECT_EQ(context.metrics.connects_v5.value(), 1u);
    EXPECT_EQ(context.metrics.connected.value(), 0);
}

TEST_F(connecting, unknown_versions_are_told_in_a_form_they_can_read_MQTT_3_1_2_2_MQTT311_3_1_2_2) {
    EXPECT_EQ(first(hex("10 0d 0004 'MQTT' 03 02 000a 0001 'c'")), hex("20 02 00 01"));
    EXPECT_EQ(first(hex("10 0d 0004 'MQTT' 84 02 000a 0001 'c'")), hex("20 02 00 01"));
    EXPECT_EQ(cause, close_cause::unsupported_version);
    const auto v6 = first(hex("10 0e 0004 'MQTT' 06 02 000a 00 0001 'c'"));
    ASSERT_GE(v6.size(), 4u);
    EXPECT_EQ(v6[0], std::byte{0x20});
    EXPECT_EQ(v6[3], std::byte{0x84});
}

TEST_F(connecting, unknown_protocol_is_closed_without_an_answer_MQTT_3_1_2_1) {
    EXPECT_TRUE(first(hex("10 0d 0004 'HTTP' 04 02 000a 0001 'c'")).empty());
}

TEST_F(connecting, malformed_connect_is_answered_in_mqtt_5_only_MQTT_3_1_4_1) {
    EXPECT_TRUE(first(hex("10 0d 0004 'MQTT' 04 03 000a 0001 'c'")).empty());
    EXPECT_EQ(cause, close_cause::malformed_packet);
    const auto answer = first(hex("10 0e 0004 'MQTT' 05 03 000a 00 0001 'c'"));
    ASSERT_GE(answer.size(), 4u);
    EXPECT_EQ(answer[3], std::byte{0x81});
    const auto protocol_error = first(hex("10 11 0004 'MQTT' 05 02 000a 03 21 0000 0001 'c'"));
    ASSERT_GE(protocol_error.size(), 4u);
    EXPECT_EQ(protocol_error[3], std::byte{0x82});
    EXPECT_EQ(cause, close_cause::protocol_error);
}

TEST_F(connecting, announces_what_the_server_can_do_MQTT_3_2_2_9) {
    context.limits.receive_maximum = 7;
    context.limits.max_packet_size = 5000;
    context.limits.topic_alias_maximum = 3;
    peer client(context);
    mqtt::connect packet{.keep_alive = 10, .client_id = "c"};
    client.feed(packet);
    const auto p = client.answer<mqtt::connack>().properties;
    EXPECT_EQ(p.receive_maximum, 7);
    EXPECT_EQ(p.maximum_packet_size, 5000u);
    EXPECT_EQ(p.topic_alias_maximum, 3);
    EXPECT_EQ(p.maximum_qos, 1);
    EXPECT_EQ(p.retain_available, true);
    EXPECT_EQ(p.wildcard_subscription_available, false);
    EXPECT_EQ(p.subscription_identifier_available, false);
    EXPECT_EQ(p.shared_subscription_available, false);
    EXPECT_FALSE(p.session_expiry_interval);
    EXPECT_FALSE(p.assigned_client_identifier);
    EXPECT_FALSE(p.server_keep_alive);
}

TEST_F(connecting, session_expiry_is_answered_0_when_asked_otherwise) {
    peer client(context);
    mqtt::connect packet{.keep_alive = 10, .client_id = "c"};
    packet.properties.session_expiry_interval = 100;
    client.feed(packet);
    EXPECT_EQ(client.answer<mqtt::connack>().properties.session_expiry_interval, 0u);
}

TEST_F(connecting, empty_client_id_is_assigned_one_MQTT_3_1_3_6_MQTT_3_1_3_7_MQTT_3_2_2_16) {
    peer client(context);
    client.feed(mqtt::connect{.keep_alive = 10});
    EXPECT_EQ(client.answer<mqtt::connack>().properties.assigned_client_identifier, "assigned-1");
    EXPECT_EQ(client.session().client_id(), "assigned-1");
    peer old(context, v311);
    old.feed(mqtt::connect{.version = v311, .keep_alive = 10});
    EXPECT_EQ(old.answer<mqtt::connack>().return_code, connect_return_code::accepted);
    EXPECT_EQ(context.clients.find("assigned-2"), &old.session());
}

TEST_F(connecting, empty_client_id_without_clean_session_is_rejected_MQTT311_3_1_3_8) {
    for (const auto version : {v31, v311}) {
        peer client(context, version);
        mqtt::connect packet{.version = version, .clean_start = version == v31, .keep_alive = 10};
        client.feed(packet);
        EXPECT_EQ(
            client.answer<mqtt::connack>().return_code, connect_return_code::identifier_rejected
        );
        EXPECT_EQ(client.session().cause(), close_cause::identifier_rejected);
    }
}

TEST_F(
    connecting, long_client_ids_are_rejected_beyond_the_documented_limit_MQTT_3_1_3_5_MQTT_3_1_3_8
) {
    const std::string fits(max_client_id_size, 'x');
    const std::string too_long(max_client_id_size + 1, 'x');
    peer first_client(context);
    first_client.connect(fits);
    peer client(context);
    client.feed(mqtt::connect{.client_id = too_long});
    EXPECT_EQ(client.answer<mqtt::connack>().reason, reason_code::client_identifier_not_valid);
    peer old(context, v311);
    old.feed(mqtt::connect{.version = v311, .client_id = too_long});
    EXPECT_EQ(old.answer<mqtt::connack>().return_code, connect_return_code::identifier_rejected);
}

TEST_F(connecting, without_an_authenticator_nobody_is_admitted_MQTT_3_1_4_2) {
    context.shared.anonymous_allowed = false;
    peer client(context);
    client.feed(mqtt::connect{.client_id = "c"});
    EXPECT_EQ(client.answer<mqtt::connack>().reason, reason_code::not_authorized);
    EXPECT_EQ(client.session().cause(), close_cause::not_authorized);
    peer old(context, v311);
    old.feed(mqtt::connect{.version = v311, .client_id = "c"});
    EXPECT_EQ(old.answer<mqtt::connack>().return_code, connect_return_code::not_authorized);
    EXPECT_TRUE(context.publisher.streams.empty());
}

TEST_F(connecting, extended_authentication_is_refused_MQTT_4_12_0_1) {
    peer client(context);
    mqtt::connect packet{.client_id = "c"};
    packet.properties.authentication_method = "SCRAM-SHA-256";
    client.feed(packet);
    EXPECT_EQ(client.answer<mqtt::connack>().reason, reason_code::bad_authentication_method);
}

TEST_F(connecting, nothing_after_a_refused_connect_is_processed_MQTT_3_1_4_6) {
    context.shared.anonymous_allowed = false;
    peer client(context);
    auto bytes = client.encoded(mqtt::connect{.client_id = "c"});
    const auto more = client.encoded(mqtt::publish{.topic = "a"});
    bytes.insert(bytes.end(), more.begin(), more.end());
    client.feed(bytes);
    EXPECT_EQ(context.publisher.calls, 0u);
    EXPECT_TRUE(client.rest.empty());
}

TEST_F(connecting, user_name_is_passed_on_as_claimed_and_is_no_identity) {
    peer client(context);
    mqtt::connect packet{.client_id = "c", .user_name = "me", .password = base::as_bytes("secret")};
    client.connect(packet);
    ASSERT_EQ(context.publisher.streams.size(), 1u);
    const auto& info = context.publisher.streams[0]->client;
    EXPECT_EQ(info.client_id, "c");
    EXPECT_EQ(info.user_name, "me");
    EXPECT_EQ(info.identity, "");
    EXPECT_EQ(info.listener, "mqtt");
    EXPECT_TRUE(context.publisher.streams[0]->can_refuse);
}

TEST_F(connecting, connack_larger_than_the_client_accepts_is_not_sent_MQTT_3_1_2_24) {
    peer client(context);
    mqtt::connect packet{.client_id = "c"};
    packet.properties.maximum_packet_size = 10;
    client.feed(packet);
    EXPECT_EQ(client.session().phase(), session_phase::closing);
    EXPECT_TRUE(client.output.empty());
}

TEST_F(connecting, older_connection_of_the_client_is_taken_over_MQTT_3_1_4_3_MQTT311_3_1_4_2) {
    for (const auto version : {v311, v5}) {
        peer older(context, version);
        older.connect("same");
        peer newer(context, version);
        newer.connect("same");
        older.expect_closed(close_cause::taken_over, reason_code::session_taken_over);
        EXPECT_GT(older.changes, 0);
        EXPECT_EQ(context.clients.find("same"), &newer.session());
        older.session().on_end({}, context.now);
        older.destroy();
        EXPECT_EQ(context.clients.find("same"), &newer.session());
        EXPECT_EQ(newer.session().phase(), session_phase::connected);
        EXPECT_EQ(context.publisher.open_streams(), 1u);
    }
}

mqtt::connect with_will(mqtt::qos level) {
    mqtt::connect packet{.keep_alive = 60, .client_id = "w"};
    packet.will = mqtt::will{
        .topic = "wills/w",
        .payload = base::as_bytes("gone"),
        .qos = level,
        .retain = true,
    };
    return packet;
}

TEST_F(connecting, will_is_published_when_the_connection_is_lost_MQTT_3_1_2_8_MQTT_3_1_2_15) {
    for (const auto version : {v311, v5}) {
        context.publisher.publications.clear();
        peer client(context, version);
        client.connect(with_will(mqtt::qos::at_least_once));
        client.session().on_end({}, context.now);
        ASSERT_EQ(context.publisher.publications.size(), 1u);
        const auto& will = context.publisher.publications[0];
        EXPECT_EQ(will.topic, "wills/w");
        EXPECT_EQ(will.payload, "gone");
        EXPECT_EQ(will.assurance, bridge::assurance::at_least_once);
        EXPECT_TRUE(will.retain);
        EXPECT_EQ(context.publisher.open_streams(), 0u);
        client.destroy();
        EXPECT_EQ(context.publisher.publications.size(), 1u);
    }
    EXPECT_EQ(context.metrics.wills_published.value(), 2u);
}

TEST_F(connecting, will_keeps_its_properties_MQTT_3_1_3_10) {
    const mqtt::user_property list[] = {{"k", "1"}, {"k", "2"}};
    auto packet = with_will(mqtt::qos::at_most_once);
    packet.will->properties = {
        .will_delay_interval = 100,
        .payload_format_indicator = true,
        .message_expiry_interval = 5,
        .content_type = "text/plain",
        .response_topic = "r",
        .correlation_data = base::as_bytes("c"),
        .user_properties = list,
    };
    peer client(context);
    client.connect(packet);
    client.session().on_end({}, context.now);
    ASSERT_EQ(context.publisher.publications.size(), 1u);  // [MQTT-3.1.3-9]: the session ended.
    const auto& will = context.publisher.publications[0];
    EXPECT_EQ(will.format, bridge::payload_format::utf8);
    EXPECT_EQ(will.expiry_seconds, 5u);
    EXPECT_EQ(will.content_type, "text/plain");
    EXPECT_EQ(will.response_topic, "r");
    EXPECT_EQ(will.correlation_data, "c");
    const std::vector<std::pair<std::string, std::string>> expected{{"k", "1"}, {"k", "2"}};
    EXPECT_EQ(will.properties, expected);
}

TEST_F(connecting, will_is_discarded_by_a_normal_disconnect_MQTT_3_14_4_3_MQTT_3_1_2_10) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect(with_will(mqtt::qos::at_most_once));
        client.feed(mqtt::disconnect{});
        EXPECT_EQ(client.session().cause(), close_cause::client_disconnect);
        EXPECT_EQ(context.publisher.calls, 0u);
    }
}

TEST_F(connecting, will_is_published_after_disconnect_with_will) {
    peer client(context);
    client.connect(with_will(mqtt::qos::at_most_once));
    client.feed(mqtt::disconnect{.reason = reason_code::disconnect_with_will});
    EXPECT_EQ(context.publisher.publications.size(), 1u);
}

TEST_F(connecting, will_is_published_after_protocol_error_and_keep_alive_timeout_and_takeover) {
    peer wrong(context);
    wrong.connect(with_will(mqtt::qos::at_most_once));
    wrong.feed(hex("20 03 00 00 00"));
    EXPECT_EQ(context.publisher.publications.size(), 1u);
    peer silent(context);
    silent.connect(with_will(mqtt::qos::at_most_once));
    context.now += std::chrono::seconds(91);
    silent.session().on_timer(context.now);
    EXPECT_EQ(context.publisher.publications.size(), 2u);
    peer older(context);
    older.connect(with_will(mqtt::qos::at_most_once));
    peer newer(context);
    newer.connect("w");
    EXPECT_EQ(context.publisher.publications.size(), 3u);
    EXPECT_EQ(context.publisher.publications[2].client_id, "w");
}

TEST_F(connecting, will_is_not_mixed_up_with_that_of_the_connection_taken_over) {
    const mqtt::user_property older_list[] = {{"old", "1"}, {"old", "2"}};
    const mqtt::user_property newer_list[] = {{"new", "1"}, {"new", "2"}};
    auto packet = with_will(mqtt::qos::at_most_once);
    packet.will->properties.user_properties = older_list;
    peer older(context);
    older.connect(packet);
    packet.will->properties.user_properties = newer_list;
    peer newer(context);
    newer.connect(packet);
    newer.session().on_end({}, context.now);
    ASSERT_EQ(context.publisher.publications.size(), 2u);
    EXPECT_EQ(context.publisher.publications[0].properties[0].first, "old");
    EXPECT_EQ(context.publisher.publications[1].properties[0].first, "new");
    EXPECT_EQ(context.publisher.publications[1].properties[1].second, "2");
}

TEST_F(connecting, will_of_qos_2_is_refused_in_mqtt_5_and_sent_as_qos_1_before_MQTT_3_2_2_12) {
    peer client(context);
    client.feed(with_will(mqtt::qos::exactly_once));
    EXPECT_EQ(client.answer<mqtt::connack>().reason, reason_code::qos_not_supported);
    peer old(context, v311);
    old.connect(with_will(mqtt::qos::exactly_once));
    old.session().on_end({}, context.now);
    ASSERT_EQ(context.publisher.publications.size(), 1u);
    EXPECT_EQ(context.publisher.publications[0].assurance, bridge::assurance::at_least_once);
}

TEST_F(connecting, will_topic_with_too_many_levels_is_refused) {
    context.limits.max_topic_levels = 1;
    peer client(context);
    client.feed(with_will(mqtt::qos::at_most_once));
    EXPECT_EQ(client.answer<mqtt::connack>().reason, reason_code::topic_name_invalid);
    peer old(context, v311);
    auto packet = with_will(mqtt::qos::at_most_once);
    packet.version = v311;
    old.feed(packet);
    EXPECT_EQ(old.session().phase(), session_phase::closing);
    EXPECT_TRUE(old.output.empty());
}

TEST_F(connecting, connect_is_bounded_before_it_is_decoded) {
    context.limits.max_packet_size = 1 << 20;
    // 65,537 bytes in all are announced, by a sender that has proved nothing.
    const auto head = hex("10 fe ff 03");
    EXPECT_EQ(peek(head, context.limits).verdict, first_packet::kind::refused);
    peer client(context);
    client.feed(head);
    EXPECT_EQ(client.session().cause(), close_cause::packet_too_large);
    const auto largest = hex("10 fc ff 03");
    EXPECT_EQ(peek(largest, context.limits).verdict, first_packet::kind::incomplete);
    EXPECT_EQ(peek(largest, context.limits).missing, max_connect_size - 4);
}

TEST_F(connecting, peek_decides_as_soon_as_it_can) {
    using kind = first_packet::kind;
    const manifest::limits limits;
    const auto connect = hex("10 0d 0004 'MQTT' 04 02 000a 0001 'c'");
    for (std::size_t size = 0; size < connect.size(); ++size) {
        EXPECT_EQ(peek(std::span(connect).first(size), limits).verdict, kind::incomplete) << size;
    }
    EXPECT_EQ(peek(connect, limits).verdict, kind::connect);
    EXPECT_EQ(peek(connect, limits).client_id, "c");
    for (const auto* text :
         {"c0",
          "00",
          "30 05",
          "11",
          "10 ff ff ff 7f",
          "10 ff ff ff ff",
          "10 0d 0004 'MQTT' 04 03 000a 0001 'c'",
          "10 00"}) {
        EXPECT_EQ(peek(hex(text), limits).verdict, kind::refused) << text;
    }
}

}  // namespace
}  // namespace pgw::session
