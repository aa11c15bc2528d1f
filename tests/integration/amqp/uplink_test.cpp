// The uplink's connection, links and bounds against a peer that misbehaves.
#include "tests/integration/amqp/uplink_fixture.hpp"

#include <functional>

namespace pgw::test {
namespace {

using amqp::send_status;
using amqp::sender_state;
using amqp::uplink_state;

TEST_F(uplink_test, connects_and_attaches_under_a_fresh_name) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open("telemetry");
    EXPECT_EQ(send("early", 1), send_status::closed);
    ASSERT_TRUE(ready());
    EXPECT_EQ(uplink->state(), uplink_state::connected);
    EXPECT_EQ(metrics.connected.value(), 1);
    EXPECT_EQ(metrics.credit.value(), 1000);
    EXPECT_EQ(events.sendable, 1);
    EXPECT_EQ(sender->last_error(), "");
    ASSERT_EQ(peer.link_names().size(), 1u);
    EXPECT_TRUE(peer.link_names()[0].starts_with("gateway/0/"));
}

TEST_F(uplink_test, without_credit_waits_and_is_told_when_it_comes) {
    peer_options options;
    options.credit_at_attach = 0;
    options.top_up = false;
    amqp_peer peer(options);
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(loop.run_until([&] { return sender->state() == sender_state::starved; }));
    EXPECT_EQ(send("a", 1), send_status::no_credit);
    EXPECT_EQ(events.sendable, 0);
    peer.grant(0, 2);
    ASSERT_TRUE(loop.run_until([&] { return events.sendable == 1; }));
    EXPECT_EQ(send("a", 1), send_status::sent);
    EXPECT_EQ(send("b", 2), send_status::sent);
    EXPECT_EQ(send("c", 3), send_status::no_credit);
    ASSERT_TRUE(outcomes(2));
    EXPECT_EQ(events.sendable, 1);
    EXPECT_EQ(metrics.credit.value(), 0);
    peer.grant(0, 1);
    ASSERT_TRUE(loop.run_until([&] { return events.sendable == 2; }));
    EXPECT_EQ(send("c", 3), send_status::sent);
    ASSERT_TRUE(outcomes(3));
}

TEST_F(uplink_test, a_stalled_peer_fills_the_window_and_no_memory) {
    peer_options options;
    options.credit_at_attach = 1'000'000;
    amqp_peer peer(options);
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    peer.stall(true);
    const std::string body(10'000, 'x');
    std::uint64_t sent = 0;
    // Kernel buffers take a few megabytes before the session's own bound is met for good.
    auto status = send_status::sent;
    for (int refusals = 0; refusals < 5 && sent < 100'000;) {
        status = send(body, sent);
        if (status == send_status::sent) {
            ++sent;
            refusals = 0;
            continue;
        }
        ASSERT_EQ(status, send_status::window_full);
        ++refusals;
        loop.run_for(base::milliseconds(20));
    }
    const auto before = events.sendable;
    loop.run_for(base::milliseconds(50));
    ASSERT_EQ(send(body, sent), send_status::window_full);
    EXPECT_EQ(events.sendable, before);
    peer.stall(false);
    ASSERT_TRUE(loop.run_until([&] { return events.sendable == before + 1; }));
    ASSERT_TRUE(outcomes(sent));
    EXPECT_EQ(send(body, sent), send_status::sent);
}

TEST_F(uplink_test, a_lost_connection_is_reported_once_and_reattached_under_another_name) {
    amqp_peer peer;
    peer.hold();
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    ASSERT_EQ(send("a", 1), send_status::sent);
    ASSERT_EQ(send("b", 2), send_status::sent);
    ASSERT_TRUE(loop.run_until([&] { return peer.message_count() == 2; }));
    peer.drop_connections();
    ASSERT_TRUE(loop.run_until([&] { return events.lost == 1; }));
    EXPECT_EQ(metrics.lost_in_doubt.value(), 2u);
    EXPECT_EQ(metrics.connected.value(), 0);
    EXPECT_EQ(metrics.credit.value(), 0);
    EXPECT_EQ(send("c", 3), send_status::closed);
    ASSERT_TRUE(ready());
    EXPECT_EQ(events.lost, 1);
    EXPECT_TRUE(events.outcomes.empty());
    EXPECT_EQ(events.sendable, 2);
    const auto names = peer.link_names();
    ASSERT_EQ(names.size(), 2u);
    EXPECT_NE(names[0], names[1]);
    peer.answer_with(peer_answer::accept());
    ASSERT_EQ(send("a", 1), send_status::sent);
    ASSERT_TRUE(outcomes(1));
}

TEST_F(uplink_test, a_detached_link_is_lost_alone_and_attached_again) {
    amqp_peer peer;
    peer.hold();
    start(settings_for({peer.port()}));
    open("a");
    ASSERT_TRUE(ready());
    recorded_events other_events;
    auto other = uplink->open_sender({"b", false}, other_events);
    ASSERT_TRUE(loop.run_until([&] { return other->state() == sender_state::ready; }));
    ASSERT_EQ(send("m", 1), send_status::sent);
    ASSERT_TRUE(loop.run_until([&] { return peer.message_count() == 1; }));
    peer.detach(0, "amqp:link:detach-forced");
    ASSERT_TRUE(loop.run_until([&] { return events.lost == 1; }));
    EXPECT_EQ(events.last_condition, "amqp:link:detach-forced");
    EXPECT_EQ(events.last_description, "on command");
    ASSERT_TRUE(ready());
    EXPECT_EQ(other_events.lost, 0);
    EXPECT_EQ(metrics.connects.value(), 1u);
}

TEST_F(uplink_test, a_close_by_the_peer_carries_its_condition) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    peer.close_connections("amqp:connection:forced");
    ASSERT_TRUE(loop.run_until([&] { return events.lost == 1; }));
    EXPECT_EQ(events.last_condition, "amqp:connection:forced");
    ASSERT_TRUE(ready());
    EXPECT_EQ(metrics.connects.value(), 2u);
}

TEST_F(uplink_test, an_end_says_whether_a_delivery_may_be_to_blame) {
    amqp_peer peer;
    peer.hold();
    start(settings_for({peer.port()}));
    open("a");
    recorded_events other_events;
    auto other = uplink->open_sender({"b", false}, other_events);
    std::uint64_t token = 0;
    const auto lose = [&](const std::function<void()>& end) {
        events.blamed = events.shared = false;
        events.suspects = 0;
        const auto lost = events.lost;
        EXPECT_TRUE(ready());
        EXPECT_TRUE(loop.run_until([&] { return other->state() == sender_state::ready; }));
        EXPECT_EQ(send("m", ++token), send_status::sent);
        const auto count = peer.message_count();
        EXPECT_TRUE(loop.run_until([&] { return peer.message_count() > count; }));
        end();
        EXPECT_TRUE(loop.run_until([&] { return events.lost > lost; }));
    };
    lose([&] {
        const auto names = peer.link_names();
        const auto messages = peer.messages();
        const auto at = std::ranges::find(names, messages.back().link_name) - names.begin();
        peer.detach(static_cast<std::size_t>(at), "amqp:link:message-size-exceeded");
    });
    EXPECT_TRUE(events.blamed);
    EXPECT_FALSE(events.shared);
    EXPECT_EQ(events.suspects, 1u);
    lose([&] { peer.close_connections("amqp:invalid-field"); });
    EXPECT_TRUE(events.blamed);
    EXPECT_TRUE(events.shared);
    EXPECT_EQ(events.suspects, 1u);
    lose([&] { peer.close_connections("amqp:connection:forced"); });
    EXPECT_FALSE(events.blamed);
    lose([&] { peer.drop_connections(); });
    EXPECT_FALSE(events.blamed);
    EXPECT_TRUE(events.shared);
}

TEST_F(uplink_test, a_refused_attach_fails_the_sender_and_is_retried) {
    amqp_peer peer;
    peer.refuse_attach("amqp:unauthorized-access", "not yours");
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(loop.run_until([&] { return peer.refused_count() >= 3; }));
    ASSERT_TRUE(loop.run_until([&] { return sender->state() == sender_state::failed; }));
    EXPECT_EQ(sender->last_error(), "amqp:unauthorized-access: not yours");
    EXPECT_EQ(uplink->state(), uplink_state::connected);
    EXPECT_EQ(metrics.connects.value(), 1u);
    EXPECT_EQ(events.lost, 0);
    peer.accept_attach();
    ASSERT_TRUE(ready());
    EXPECT_EQ(sender->last_error(), "");
}

TEST_F(uplink_test, the_second_endpoint_is_used_when_the_first_is_down) {
    amqp_peer first;
    amqp_peer second;
    first.stop_listening();
    start(settings_for({first.port(), second.port()}));
    open();
    ASSERT_TRUE(ready());
    EXPECT_EQ(second.attach_count(), 1u);
    EXPECT_EQ(metrics.connection_failures.value(), 1u);
    // And the first again once it is back and the second is gone.
    first.listen_again();
    second.stop_listening();
    ASSERT_TRUE(loop.run_until([&] { return events.lost == 1; }));
    ASSERT_TRUE(ready());
    EXPECT_EQ(first.attach_count(), 1u);
}

TEST_F(uplink_test, keeps_trying_with_backoff_until_someone_listens) {
    amqp_peer peer;
    peer.stop_listening();
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 3; }));
    EXPECT_NE(uplink->last_error(), "");
    EXPECT_NE(sender->last_error(), "");
    peer.listen_again();
    ASSERT_TRUE(ready());
    EXPECT_EQ(uplink->last_error(), "");
}

TEST_F(uplink_test, plain_credentials_are_checked) {
    peer_options options;
    options.user = "gateway";
    options.password = "secret";
    amqp_peer peer(options);
    auto settings = settings_for({peer.port()});
    settings.upstream.sasl.mechanism = manifest::sasl_mechanism::plain;
    const auto secrets = std::make_shared<amqp::upstream_secrets>();
    secrets->set({"gateway", "secret", {}});
    settings.secrets = secrets;
    start(settings);
    open();
    ASSERT_TRUE(ready());
    sender.reset();
    uplink.reset();

    secrets->set({"gateway", "wrong", {}});
    start(settings);
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 1; }));
    EXPECT_NE(uplink->last_error().find("amqp:unauthorized-access"), std::string::npos)
        << uplink->last_error();
}

TEST_F(uplink_test, nothing_is_tried_until_the_credentials_are_there) {
    peer_options options;
    options.user = "gateway";
    options.password = "secret";
    amqp_peer peer(options);
    auto settings = settings_for({peer.port()});
    settings.upstream.sasl.mechanism = manifest::sasl_mechanism::plain;
    const auto secrets = std::make_shared<amqp::upstream_secrets>();
    secrets->set({{}, {}, "no password yet"});
    settings.secrets = secrets;
    start(settings);
    open();
    ASSERT_TRUE(loop.run_until([&] { return uplink->state() == uplink_state::waiting; }));
    EXPECT_EQ(uplink->last_error(), "no password yet");
    secrets->set({"gateway", "secret", {}});
    ASSERT_TRUE(ready());
    EXPECT_EQ(metrics.connection_failures.value(), 0u);
    EXPECT_EQ(uplink->last_error(), "");
}

TEST_F(uplink_test, the_next_attempt_takes_the_new_password) {
    peer_options options;
    options.user = "gateway";
    options.password = "secret";
    amqp_peer peer(options);
    auto settings = settings_for({peer.port()});
    settings.upstream.sasl.mechanism = manifest::sasl_mechanism::plain;
    const auto secrets = std::make_shared<amqp::upstream_secrets>();
    secrets->set({"gateway", "old", {}});
    settings.secrets = secrets;
    start(settings);
    open();
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 1; }));
    secrets->set({"gateway", "secret", {}});
    ASSERT_TRUE(ready());
}

TEST_F(uplink_test, anonymous_is_refused_where_a_password_is_asked) {
    peer_options options;
    options.user = "gateway";
    options.password = "secret";
    amqp_peer peer(options);
    start(settings_for({peer.port()}));
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 1; }));
    EXPECT_EQ(metrics.connects.value(), 0u);
}

TEST_F(uplink_test, messages_above_the_links_maximum_are_too_large) {
    peer_options options;
    options.max_message_size = 1000;
    amqp_peer peer(options);
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    EXPECT_EQ(send(std::string(1001, 'x'), 1), send_status::too_large);
    EXPECT_EQ(send(std::string(900, 'x'), 2), send_status::sent);
    ASSERT_TRUE(outcomes(1));
}

TEST_F(uplink_test, close_detaches_in_order_and_does_not_reconnect) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    uplink->close();
    EXPECT_EQ(uplink->state(), uplink_state::closing);
    ASSERT_TRUE(loop.run_until([&] { return uplink->state() == uplink_state::closed; }));
    ASSERT_TRUE(peer.wait_until([&] { return peer.detach_count() == 1; }));
    loop.run_for(base::milliseconds(100));
    EXPECT_EQ(peer.attach_count(), 1u);
    EXPECT_EQ(send("late", 1), send_status::closed);
}

TEST_F(uplink_test, close_is_bounded_when_the_peer_is_silent) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    peer.stall(true);
    const auto begin = base::clock::now();
    uplink->close();
    ASSERT_TRUE(loop.run_until([&] { return uplink->state() == uplink_state::closed; }));
    EXPECT_LT(base::clock::now() - begin, base::milliseconds(2500));
}

TEST_F(uplink_test, a_silent_peer_is_given_up_after_the_idle_timeout) {
    amqp_peer peer;
    auto settings = settings_for({peer.port()});
    settings.upstream.limits.idle_timeout = base::milliseconds(400);
    start(settings);
    open();
    ASSERT_TRUE(ready());
    // Heartbeats keep an idle connection that is alive.
    loop.run_for(base::milliseconds(1200));
    EXPECT_EQ(events.lost, 0);
    peer.hold();
    peer.freeze(base::milliseconds(1500));
    ASSERT_TRUE(loop.run_until([&] { return events.lost == 1; }));
    EXPECT_EQ(events.last_condition, "amqp:resource-limit-exceeded");
}

TEST_F(uplink_test, a_sender_may_go_before_and_after_its_uplink) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open();
    recorded_events other_events;
    auto other = uplink->open_sender({"b", false}, other_events);
    ASSERT_TRUE(ready());
    sender.reset();
    ASSERT_TRUE(peer.wait_until([&] {
        loop.turn();
        return peer.detach_count() == 1;
    }));
    EXPECT_EQ(events.lost, 0);
    uplink.reset();
    EXPECT_EQ(other->try_send(data_message("x"), 1), send_status::closed);
    EXPECT_EQ(other->state(), sender_state::failed);
    other.reset();
}

}  // namespace
}  // namespace pgw::test
