// Other packets, deadlines, drain, output bounds, and the sweeps over every byte and every step.
#include "tests/unit/mqtt/hex.hpp"
#include "tests/unit/session/harness.hpp"

#include <gtest/gtest.h>

namespace pgw::session {
namespace {

using namespace std::chrono_literals;
using bridge::submit_status;
using mqtt::hex;

struct lifetime : testing::Test {
    thread_context context;
    fake_publisher& publisher = context.publisher;
};

TEST_F(lifetime, ping_is_answered_MQTT_3_12_4_1) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.feed(mqtt::pingreq{});
        client.answer<mqtt::pingresp>();
    }
}

TEST_F(
    lifetime,
    subscribe_is_refused_filter_by_filter_MQTT_3_8_4_1_MQTT_3_8_4_6_MQTT_3_9_3_1_MQTT_2_2_1_6
) {
    const mqtt::subscription list[] = {{"a/b"}, {"a/#"}, {"$share/g/a/#"}};
    peer client(context);
    client.connect();
    client.feed(mqtt::subscribe{.packet_id = 9, .subscriptions = list});
    const auto ack = client.answer<mqtt::suback>();
    EXPECT_EQ(ack.packet_id, 9);
    ASSERT_EQ(ack.reasons.size(), 3u);
    EXPECT_EQ(ack.reasons[0], reason_code::implementation_specific_error);
    EXPECT_EQ(ack.reasons[1], reason_code::wildcard_subscriptions_not_supported);
    EXPECT_EQ(ack.reasons[2], reason_code::shared_subscriptions_not_supported);
    client.feed(mqtt::subscribe{
        .packet_id = 10,
        .properties = {.subscription_identifier = 1},
        .subscriptions = std::span(list).first(1)
    });
    EXPECT_EQ(
        client.answer<mqtt::suback>().reasons[0],
        reason_code::subscription_identifiers_not_supported
    );
    peer old(context, v311);
    old.connect("old");
    old.feed(mqtt::subscribe{.packet_id = 9, .subscriptions = list});
    const auto refused = old.answer<mqtt::suback>();
    ASSERT_EQ(refused.reasons.size(), 3u);
    for (const auto reason : refused.reasons) EXPECT_EQ(reason, reason_code::unspecified_error);
}

TEST_F(lifetime, unsubscribe_is_acknowledged_MQTT_3_10_4_4_MQTT_3_10_4_5_MQTT_3_11_3_1) {
    const std::string_view list[] = {"a", "b"};
    peer client(context);
    client.connect();
    client.feed(mqtt::unsubscribe{.packet_id = 9, .filters = list});
    const auto ack = client.answer<mqtt::unsuback>();
    EXPECT_EQ(ack.packet_id, 9);
    ASSERT_EQ(ack.reasons.size(), 2u);
    EXPECT_EQ(ack.reasons[1], reason_code::no_subscription_existed);
    peer old(context, v311);
    old.connect("old");
    old.feed(mqtt::unsubscribe{.packet_id = 9, .filters = list});
    EXPECT_EQ(old.answer<mqtt::unsuback>().packet_id, 9);
}

TEST_F(lifetime, suback_larger_than_the_client_accepts_ends_the_connection_MQTT_3_1_2_24) {
    const std::vector<mqtt::subscription> list(50, mqtt::subscription{.filter = "a"});
    mqtt::connect packet{.client_id = "c"};
    packet.properties.maximum_packet_size = 45;
    peer client(context);
    client.connect(packet);
    client.feed(mqtt::subscribe{.packet_id = 9, .subscriptions = list});
    EXPECT_EQ(client.session().phase(), session_phase::closing);
    EXPECT_TRUE(client.output.empty());
}

TEST_F(lifetime, pubrel_without_state_is_answered) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.feed(mqtt::pubrel{.packet_id = 5});
        const auto answer = client.answer<mqtt::pubcomp>();
        EXPECT_EQ(answer.packet_id, 5);
        if (version == v5) {
            EXPECT_EQ(answer.reason, reason_code::packet_identifier_not_found);
        }
    }
}

TEST_F(lifetime, packets_a_client_must_not_send_are_protocol_errors_MQTT_4_13_1_1) {
    const reason_code reasons[] = {reason_code::success};
    const mqtt::packet list[] = {
        mqtt::connack{},
        mqtt::suback{.packet_id = 1, .reasons = reasons},
        mqtt::unsuback{.packet_id = 1, .reasons = reasons},
        mqtt::pingresp{},
    };
    for (const auto version : {v311, v5}) {
        for (const auto& packet : list) {
            peer client(context, version);
            client.connect();
            client.feed(packet);
            client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
        }
    }
    peer client(context);
    client.connect();
    client.feed(mqtt::auth{});
    client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
}

TEST_F(lifetime, acknowledgements_of_what_was_never_sent_do_not_end_the_connection) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.feed(mqtt::puback{.packet_id = 1});
        client.feed(mqtt::pubcomp{.packet_id = 1});
        EXPECT_TRUE(client.output.empty());
        client.feed(mqtt::pubrec{.packet_id = 7});
        EXPECT_EQ(client.answer<mqtt::pubrel>().packet_id, 7);
        client.feed(mqtt::pingreq{});
        client.answer<mqtt::pingresp>();
    }
}

TEST_F(lifetime, malformed_packets_are_answered_with_their_reason_MQTT_4_13_1_1) {
    const struct {
        const char* bytes;
        close_cause cause;
        reason_code reason;
    } rows[] = {
        {"36", close_cause::malformed_packet, reason_code::malformed_packet},
        {"30 80 80 80 80", close_cause::malformed_packet, reason_code::malformed_packet},
        {"c0 01 00", close_cause::malformed_packet, reason_code::malformed_packet},
        {"82 03 0001 00", close_cause::protocol_error, reason_code::protocol_error},
        {"30 04 0001 '#' 00", close_cause::protocol_error, reason_code::topic_name_invalid},
        {"82 07 0001 00 0001 'a' 40", close_cause::malformed_packet, reason_code::malformed_packet},
        {"82 08 0001 00 0002 'a#' 00",
         close_cause::protocol_error,
         reason_code::topic_filter_invalid},
    };
    for (const auto& row : rows) {
        peer client(context);
        client.connect();
        client.feed(hex(row.bytes));
        client.expect_closed(row.cause, row.reason);
    }
    peer old(context, v311);
    old.connect();
    old.feed(hex("36"));
    old.expect_closed(close_cause::malformed_packet, {});
}

TEST_F(lifetime, nothing_is_sent_after_the_servers_disconnect_MQTT_3_14_4_1_MQTT_4_13_2_1) {
    peer client(context);
    client.connect();
    client.publish(1);
    client.feed(mqtt::connack{});
    const auto size = client.output.size();
    EXPECT_GT(size, 0u);
    publisher.complete(0);
    client.feed(mqtt::pingreq{});
    client.session().drain(context.now);
    client.session().close(close_cause::overloaded, context.now);
    client.session().on_timer(context.now + 10h);
    EXPECT_EQ(client.output.size(), size);
    client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
}

TEST_F(lifetime, nothing_is_read_after_the_clients_disconnect_MQTT_3_14_4_2) {
    peer client(context);
    client.connect();
    auto bytes = client.encoded(mqtt::disconnect{});
    const auto more = client.encoded(mqtt::publish{.topic = "a"});
    bytes.insert(bytes.end(), more.begin(), more.end());
    client.feed(bytes);
    EXPECT_EQ(client.session().phase(), session_phase::closing);
    EXPECT_EQ(client.session().cause(), close_cause::client_disconnect);
    EXPECT_TRUE(client.output.empty());
    EXPECT_TRUE(client.rest.empty());
    EXPECT_EQ(publisher.calls, 0u);
    EXPECT_EQ(context.clients.size(), 0u);
    EXPECT_EQ(context.metrics.closes[std::size_t(close_cause::client_disconnect)].value(), 1u);
}

TEST_F(lifetime, session_expiry_cannot_be_raised_from_0_at_disconnect) {
    mqtt::disconnect packet;
    packet.properties.session_expiry_interval = 10;
    peer client(context);
    client.connect();
    client.feed(packet);
    client.expect_closed(close_cause::protocol_error, reason_code::protocol_error);
    mqtt::connect with_expiry{.client_id = "e"};
    with_expiry.properties.session_expiry_interval = 5;
    peer other(context);
    other.connect(with_expiry);
    other.feed(packet);
    EXPECT_EQ(other.session().cause(), close_cause::client_disconnect);
}

TEST_F(lifetime, connect_must_come_in_time_and_is_not_answered_MQTT_3_14_0_1) {
    peer client(context);
    EXPECT_EQ(client.deadline(), context.now + context.limits.connect_timeout);
    client.feed(hex("10 0d 00"));
    client.session().on_timer(context.now + context.limits.connect_timeout - 1ms);
    EXPECT_EQ(client.session().phase(), session_phase::expecting_connect);
    client.session().on_timer(context.now + context.limits.connect_timeout);
    EXPECT_EQ(client.session().cause(), close_cause::connect_timeout);
    EXPECT_TRUE(client.output.empty());
    EXPECT_EQ(client.deadline(), base::time_point::max());
    client.session().on_timer(context.now + 1h);
}

TEST_F(
    lifetime, keep_alive_is_enforced_at_one_and_a_half_MQTT_3_1_2_22_MQTT_3_2_2_22_MQTT311_3_1_2_24
) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        EXPECT_EQ(client.deadline(), context.now + 90s);
        context.now += 80s;
        client.feed(hex("c0"));
        EXPECT_EQ(client.deadline(), context.now + 10s);
        client.feed(hex("00"));
        client.answers();
        EXPECT_EQ(client.deadline(), context.now + 90s);
        client.session().on_timer(context.now + 89s);
        EXPECT_EQ(client.session().phase(), session_phase::connected);
        context.now += 90s;
        client.session().on_timer(context.now);
        client.expect_closed(close_cause::keep_alive_timeout, reason_code::keep_alive_timeout);
    }
}

TEST_F(lifetime, short_keep_alive_moves_the_deadline_before_that_of_the_connect) {
    context.limits.connect_timeout = 10s;
    peer client(context);
    client.connect(mqtt::connect{.keep_alive = 1, .client_id = "c"});
    EXPECT_EQ(client.deadline(), context.now + 1500ms);
}

TEST_F(lifetime, keep_alive_0_and_above_the_cap_are_capped_MQTT_3_2_2_21) {
    context.limits.max_keep_alive = 100s;
    for (const int value : {0, 101, 65535}) {
        const auto asked = std::uint16_t(value);
        peer client(context);
        client.feed(mqtt::connect{.keep_alive = asked, .client_id = "c"});
        EXPECT_EQ(client.answer<mqtt::connack>().properties.server_keep_alive, 100);
        EXPECT_EQ(client.deadline(), context.now + 150s);
        peer old(context, v311);
        old.connect(mqtt::connect{.keep_alive = asked, .client_id = "o"});
        EXPECT_EQ(old.deadline(), context.now + 150s);
    }
}

TEST_F(lifetime, keep_alive_cannot_expire_while_paused_and_stalling_ends) {
    for (const auto version : {v311, v5}) {
        publisher.usual = submit_status::blocked;
        context.limits.max_pause = 200s;
        peer client(context, version);
        client.connect();
        client.publish(0);
        const auto paused_at = context.now;
        EXPECT_EQ(client.deadline(), paused_at + 200s);
        context.now += 150s;
        client.session().on_timer(context.now);
        EXPECT_EQ(client.session().phase(), session_phase::connected);
        // Tried again in vain: the same pause goes on.
        publisher.capacity();
        EXPECT_EQ(client.deadline(), paused_at + 200s);
        client.refeed();
        EXPECT_TRUE(client.paused());
        EXPECT_EQ(client.deadline(), paused_at + 200s);
        context.now += 50s;
        client.session().on_timer(context.now);
        client.expect_closed(close_cause::stalled, reason_code::quota_exceeded);
        EXPECT_EQ(context.metrics.paused.value(), 0);
    }
}

TEST_F(lifetime, turn_that_pauses_has_the_deadline_of_the_pause) {
    context.limits.max_pause = 5s;
    publisher.usual = submit_status::blocked;
    peer client(context);
    client.connect();
    client.publish(0);
    EXPECT_EQ(client.last.deadline, context.now + 5s);
}

TEST_F(lifetime, after_a_pause_the_keep_alive_starts_anew) {
    publisher.usual = submit_status::blocked;
    peer client(context);
    client.connect();
    client.publish(0);
    context.now += 59s;
    publisher.usual = submit_status::taken;
    publisher.capacity();
    client.refeed();
    EXPECT_EQ(client.deadline(), context.now + 90s);
}

TEST_F(lifetime, drain_without_anything_in_flight_ends_at_once) {
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.connect();
        client.session().drain(context.now);
        client.expect_closed(close_cause::draining, reason_code::server_shutting_down);
    }
    peer early(context);
    early.session().drain(context.now);
    EXPECT_EQ(early.session().phase(), session_phase::closing);
    EXPECT_TRUE(early.output.empty());
}

TEST_F(lifetime, drain_awaits_the_last_acknowledgement_and_takes_no_more) {
    peer client(context);
    client.connect();
    client.publish(1);
    client.publish(2);
    client.session().drain(context.now);
    client.publish(3);
    EXPECT_EQ(publisher.calls, 2u);
    EXPECT_TRUE(client.paused());
    publisher.complete(1);
    EXPECT_EQ(client.session().phase(), session_phase::connected);
    const int before = client.changes;
    publisher.complete(0);
    EXPECT_GT(client.changes, before);
    EXPECT_EQ(client.session().phase(), session_phase::closing);
    const auto list = client.answers();
    EXPECT_EQ(puback_ids(list), (std::vector<int>{1, 2}));
    ASSERT_EQ(list.size(), 3u);
    EXPECT_EQ(std::get<mqtt::disconnect>(list[2]).reason, reason_code::server_shutting_down);
    EXPECT_EQ(publisher.open_streams(), 0u);
}

TEST_F(lifetime, drain_that_does_not_end_is_ended) {
    peer client(context);
    client.connect();
    client.publish(1);
    client.session().drain(context.now);
    context.now = client.deadline();
    client.session().on_timer(context.now);
    client.expect_closed(close_cause::draining, reason_code::server_shutting_down);
}

TEST_F(lifetime, shell_can_close_for_its_own_causes) {
    const struct {
        close_cause cause;
        reason_code reason;
    } rows[] = {
        {close_cause::overloaded, reason_code::server_busy},
        {close_cause::internal_error, reason_code::implementation_specific_error},
        {close_cause::not_authorized, reason_code::not_authorized},
    };
    for (const auto& row : rows) {
        peer client(context);
        client.connect();
        client.session().close(row.cause, context.now);
        client.expect_closed(row.cause, row.reason);
        client.session().close(close_cause::draining, context.now);
        EXPECT_EQ(client.session().cause(), row.cause);
    }
    peer gone(context);
    gone.connect();
    gone.session().close(close_cause::transport_closed, context.now);
    EXPECT_TRUE(gone.output.empty());
}

TEST_F(lifetime, unread_output_stops_the_input) {
    peer client(context);
    client.connect();
    std::vector<std::byte> pings;
    for (int i = 0; i < 100'000; ++i) {
        pings.push_back(std::byte{0xC0});
        pings.push_back(std::byte{0});
    }
    client.feed(pings);
    EXPECT_TRUE(client.paused());
    EXPECT_LE(client.output.size(), max_output_size + 2);
    EXPECT_FALSE(client.rest.empty());
    client.refeed();
    EXPECT_LE(client.output.size(), max_output_size + 2);
    int rounds = 0;
    std::size_t answered = 0;
    while (!client.output.empty() && ++rounds < 10) {
        answered += client.answers().size();
        EXPECT_EQ(client.last.next, next_step::read);
        client.refeed();
    }
    EXPECT_EQ(answered, 100'000u);
    EXPECT_TRUE(client.rest.empty());
    // An idle connection does not keep the buffer.
    client.feed(mqtt::pingreq{});
    EXPECT_LE(client.output.capacity(), 1024u);
}

TEST_F(lifetime, unread_output_that_stays_unread_is_a_stall) {
    peer client(context);
    client.connect();
    std::vector<std::byte> pings;
    for (int i = 0; i < 40'000; ++i) {
        pings.push_back(std::byte{0xC0});
        pings.push_back(std::byte{0});
    }
    client.feed(pings);
    context.now += context.limits.max_pause;
    client.session().on_timer(context.now);
    EXPECT_EQ(client.session().cause(), close_cause::stalled);
}

TEST_F(lifetime, packet_that_never_becomes_whole_is_not_waited_for) {
    peer client(context);
    client.connect();
    const auto began = context.now;
    // PUBLISH of 8,192 bytes: 30 s, and a second for each 4 KiB.
    client.feed(hex("30 80 40 0003 'a/b'"));
    EXPECT_EQ(client.last.missing, 8195u - 8u);
    EXPECT_EQ(client.deadline(), began + 32s);
    // More of it is no reason to wait longer.
    for (int i = 0; i < 3; ++i) {
        context.now += 10s;
        client.feed(hex("00"));
        EXPECT_EQ(client.deadline(), began + 32s);
    }
    context.now = began + 32s;
    client.session().on_timer(context.now);
    client.expect_closed(close_cause::packet_timeout, reason_code::keep_alive_timeout);
}

TEST_F(lifetime, packet_that_becomes_whole_in_time_leaves_the_keep_alive_alone) {
    peer client(context);
    client.connect();
    client.feed(hex("c0"));
    EXPECT_EQ(client.deadline(), context.now + 30s);
    context.now += 29s;
    client.feed(hex("00"));
    client.answer<mqtt::pingresp>();
    EXPECT_EQ(client.deadline(), context.now + 90s);
}

TEST_F(lifetime, what_came_whole_before_the_end_is_processed_also_behind_a_pause) {
    context.limits.receive_maximum = 2;
    peer client(context, v311);
    mqtt::connect packet{.client_id = "c"};
    packet.will = mqtt::will{.topic = "will", .payload = base::as_bytes("w")};
    client.connect(packet);
    std::vector<std::byte> burst;
    for (std::uint16_t id = 1; id <= 7; ++id) {
        const auto one = client.encoded(
            mqtt::publish{.qos = mqtt::qos::at_least_once, .packet_id = id, .topic = "t"}
        );
        burst.insert(burst.end(), one.begin(), one.end());
    }
    const auto last = client.encoded(mqtt::disconnect{});
    burst.insert(burst.end(), last.begin(), last.end());
    client.feed(burst);
    EXPECT_TRUE(client.paused());
    client.session().on_leaving(context.now);
    client.last = client.session().on_end(client.rest, context.now);
    EXPECT_EQ(client.session().phase(), session_phase::connected);
    while (!publisher.waiting.empty()) {
        publisher.complete(0);
        client.refeed();
    }
    EXPECT_EQ(publisher.publications.size(), 7u) << "all of it, and no Will";
    EXPECT_EQ(client.session().cause(), close_cause::client_disconnect);
}

TEST_F(lifetime, drain_does_not_drop_what_a_client_that_has_left_had_sent) {
    for (const bool drained_first : {true, false}) {
        publisher.publications.clear();
        context.limits.receive_maximum = 1;
        peer client(context, v311);
        client.connect();
        client.publish(1);
        client.publish(2);
        client.publish(3);
        if (drained_first) client.session().drain(context.now);
        client.session().on_leaving(context.now);
        if (!drained_first) client.session().drain(context.now);
        while (!publisher.waiting.empty()) {
            publisher.complete(0);
            client.refeed();
        }
        EXPECT_EQ(publisher.publications.size(), 3u);
        client.session().on_end(client.rest, context.now);
        EXPECT_EQ(client.session().cause(), close_cause::transport_closed);
    }
}

TEST_F(lifetime, what_a_client_makes_the_session_keep_is_charged_and_given_back) {
    peer client(context);
    mqtt::connect packet{.client_id = "c"};
    const std::string payload(5000, 'w');
    packet.will = mqtt::will{.topic = "will", .payload = base::as_bytes(payload)};
    packet.user_name = "somebody";
    client.connect(packet);
    const auto after_connect = context.budget.used();
    EXPECT_GE(after_connect, 5000u);
    EXPECT_EQ(client.last.kept, after_connect);
    mqtt::publish aliased{.topic = "topic/of/some/length"};
    aliased.properties.topic_alias = 1;
    client.feed(aliased);
    EXPECT_GT(context.budget.used(), after_connect);
    client.session().on_end({}, context.now);
    EXPECT_EQ(context.budget.used(), 0u);
}

TEST_F(lifetime, connect_that_the_budget_has_no_room_for_is_told_that_the_server_is_busy) {
    const auto everything = context.budget.limit();
    ASSERT_TRUE(context.budget.charge(everything));
    for (const auto version : {v311, v5}) {
        peer client(context, version);
        client.feed(mqtt::connect{.version = version, .client_id = "c"});
        EXPECT_EQ(client.rooms_asked, 1);
        const auto answer = client.answer<mqtt::connack>();
        if (version == v5) {
            EXPECT_EQ(answer.reason, reason_code::server_busy);
        } else {
            EXPECT_EQ(answer.return_code, mqtt::connect_return_code::server_unavailable);
        }
        EXPECT_EQ(client.session().cause(), close_cause::overloaded);
    }
    // The shell may close others.
    peer client(context);
    client.room = [&](std::size_t bytes) {
        context.budget.release(bytes);
        return true;
    };
    client.connect();
    context.budget.release(everything - client.last.kept);
}

TEST_F(lifetime, directory_visits_everyone_even_if_they_close) {
    peer one(context);
    peer two(context);
    one.connect("one");
    two.connect("two");
    int visited = 0;
    context.clients.for_each([&](client_session& session) {
        ++visited;
        session.close(close_cause::draining, context.now);
    });
    EXPECT_EQ(visited, 2);
    EXPECT_EQ(context.clients.size(), 0u);
    EXPECT_EQ(context.clients.find("one"), nullptr);
}

TEST_F(lifetime, causes_have_distinct_names) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < close_cause_count; ++i) names.push_back(name(close_cause(i)));
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
    EXPECT_EQ(std::count(names.begin(), names.end(), "unknown"), 0);
    EXPECT_EQ(name(close_cause(close_cause_count)), "unknown");
}

TEST_F(lifetime, idle_session_is_small) {
    EXPECT_LE(sizeof(client_session), 600u);
}

/// A conversation with a bit of everything.
std::vector<std::byte> conversation(protocol_version version) {
    std::vector<std::byte> bytes;
    const auto add = [&](const mqtt::packet& packet) { mqtt::encode(packet, version, bytes); };
    const mqtt::subscription list[] = {{"a/#"}};
    mqtt::connect connect{.version = version, .keep_alive = 30, .client_id = "c"};
    connect.will = mqtt::will{.topic = "will", .payload = base::as_bytes("w")};
    add(connect);
    for (std::uint16_t id = 1; id < 12; ++id) {
        mqtt::publish packet{.qos = mqtt::qos::at_least_once, .packet_id = id, .topic = "t/1"};
        packet.payload = base::as_bytes("12345678");
        if (version == protocol_version::v5 && id % 2 == 1) packet.properties.topic_alias = 1;
        if (version == protocol_version::v5 && id % 4 == 3) packet.topic = "";
        add(packet);
    }
    add(mqtt::publish{.topic = "t/0", .payload = base::as_bytes("x")});
    add(mqtt::subscribe{.packet_id = 3, .subscriptions = list});
    add(mqtt::pingreq{});
    add(mqtt::disconnect{.reason = reason_code::disconnect_with_will});
    return bytes;
}

std::vector<std::byte> answers_to(protocol_version version, std::size_t piece) {
    thread_context context;
    context.publisher.usual = submit_status::done;
    peer client(context, version);
    const auto bytes = conversation(version);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        client.feed(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    EXPECT_EQ(client.session().cause(), close_cause::client_disconnect);
    EXPECT_TRUE(client.rest.empty());
    EXPECT_EQ(context.publisher.publications.size(), version == v5 ? 13u : 12u);
    return client.output;
}

TEST(input, in_any_pieces_means_the_same_MQTT_4_2_1) {
    for (const auto version : {v31, v311, v5}) {
        const auto whole = answers_to(version, 1 << 20);
        EXPECT_GT(whole.size(), 40u);
        for (const std::size_t piece : {1, 2, 3, 7, 50}) {
            EXPECT_EQ(answers_to(version, piece), whole) << piece;
        }
    }
}

TEST(sweep, connection_may_break_after_every_byte) {
    for (const auto version : {v311, v5}) {
        const auto bytes = conversation(version);
        for (std::size_t size = 0; size <= bytes.size(); ++size) {
            for (const bool destroy_only : {false, true}) {
                thread_context context;
                peer client(context, version);
                client.feed(std::span(bytes).first(size));
                if (!context.publisher.waiting.empty()) context.publisher.complete(0);
                const bool was_connected = client.session().phase() == session_phase::connected;
                if (!destroy_only) client.session().on_end({}, context.now);
                client.destroy();
                EXPECT_EQ(context.clients.size(), 0u);
                EXPECT_EQ(context.publisher.open_streams(), 0u);
                EXPECT_EQ(context.metrics.connected.value(), 0);
                EXPECT_EQ(context.metrics.paused.value(), 0);
                if (was_connected) {
                    EXPECT_EQ(context.publisher.publications.back().topic, "will");
                }
                while (!context.publisher.waiting.empty()) context.publisher.complete(0);
                context.publisher.capacity();
            }
        }
    }
}

TEST(sweep, every_call_is_safe_after_every_step) {
    const auto version = v5;
    const auto bytes = conversation(version);
    for (std::size_t size = 0; size <= bytes.size(); size += 3) {
        for (int action = 0; action < 4; ++action) {
            thread_context context;
            if (size % 2 == 1) context.publisher.usual = submit_status::blocked;
            peer client(context, version);
            client.feed(std::span(bytes).first(size));
            if (action == 0) client.session().drain(context.now);
            if (action == 1) client.session().close(close_cause::overloaded, context.now);
            if (action == 2) client.session().on_timer(context.now + 10h);
            context.publisher.usual = submit_status::done;
            context.publisher.capacity();
            client.feed(std::span(bytes).subspan(size));
            while (!context.publisher.waiting.empty()) {
                context.publisher.complete(context.publisher.waiting.size() - 1);
            }
            client.session().drain(context.now);
            client.session().on_written(context.now);
            EXPECT_EQ(client.session().phase(), session_phase::closing);
            client.destroy();
            context.publisher.capacity();
            context.wills.retry(context.now);
            EXPECT_EQ(context.publisher.open_streams(), 0u);
            EXPECT_EQ(context.metrics.paused.value(), 0);
        }
    }
}

}  // namespace
}  // namespace pgw::session
