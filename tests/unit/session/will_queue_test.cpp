// Wills that cannot leave when they are due wait, in time and in the budget.
#include "tests/unit/session/harness.hpp"

#include <gtest/gtest.h>

namespace pgw::session {
namespace {

using namespace std::chrono_literals;

struct waiting_wills : testing::Test {
    thread_context context;
    fake_publisher& publisher = context.publisher;

    static mqtt::connect with_will(std::string_view id = "w") {
        mqtt::connect packet{.keep_alive = 60, .client_id = id};
        packet.will = mqtt::will{
            .topic = "wills/w",
            .payload = base::as_bytes("gone"),
            .qos = mqtt::qos::at_least_once,
        };
        return packet;
    }
    void block() { publisher.usual = bridge::submit_status::blocked; }
    void unblock() { publisher.usual = bridge::submit_status::taken; }
};

TEST_F(waiting_wills, blocked_will_waits_and_leaves_when_there_is_room) {
    block();
    peer client(context);
    client.connect(with_will());
    client.session().on_end({}, context.now);
    client.destroy();
    EXPECT_EQ(context.wills.size(), 1u);
    EXPECT_EQ(context.metrics.wills_lost.value(), 0u);
    EXPECT_EQ(context.metrics.wills_waiting.value(), 1);
    EXPECT_GT(context.budget.used(), 0u);
    ASSERT_EQ(publisher.open_streams(), 1u) << "it keeps its connection's place";
    EXPECT_TRUE(publisher.streams[0]->handed_over);

    publisher.capacity();
    EXPECT_EQ(context.wakes, 1);
    context.wills.retry(context.now);  // In vain.
    EXPECT_EQ(context.wills.size(), 1u);
    unblock();
    publisher.capacity();
    context.wills.retry(context.now);
    ASSERT_EQ(publisher.publications.size(), 1u);
    EXPECT_EQ(publisher.publications[0].topic, "wills/w");
    EXPECT_EQ(publisher.publications[0].payload, "gone");
    EXPECT_EQ(context.wills.size(), 0u);
    EXPECT_EQ(publisher.open_streams(), 0u);
    EXPECT_EQ(context.budget.used(), 0u);
    EXPECT_EQ(context.metrics.wills_waiting.value(), 0);
    EXPECT_EQ(context.metrics.wills_published.value(), 1u);
    while (!publisher.waiting.empty()) publisher.complete(0);
}

TEST_F(waiting_wills, wait_whatever_ended_the_connection) {
    const std::function<void(peer&)> ends[] = {
        [&](peer& client) { client.session().on_end({}, context.now); },
        [&](peer& client) { client.session().drain(context.now); },
        [&](peer& client) { client.session().close(close_cause::overloaded, context.now); },
        [&](peer& client) { client.session().on_timer(context.now + 10h); },
        [&](peer& client) { client.feed(mqtt::connack{}); },
        [&](peer& client) { client.destroy(); },
        [&](peer&) {
            peer newer(context);
            newer.connect("w");
        },
    };
    block();
    std::size_t waiting = 0;
    for (const auto& end : ends) {
        peer client(context);
        client.connect(with_will());
        end(client);
        EXPECT_EQ(context.wills.size(), ++waiting);
    }
    EXPECT_EQ(context.metrics.wills_lost.value(), 0u);
}

TEST_F(waiting_wills, patience_ends_and_then_it_is_counted_as_lost) {
    block();
    peer client(context);
    client.connect(with_will());
    client.session().on_end({}, context.now);
    context.wills.on_tick(context.now + 59s);
    EXPECT_EQ(context.wills.size(), 1u);
    context.wills.on_tick(context.now + 60s);
    EXPECT_EQ(context.wills.size(), 0u);
    EXPECT_EQ(context.metrics.wills_lost.value(), 1u);
    EXPECT_EQ(context.budget.used(), 0u);
    EXPECT_EQ(publisher.open_streams(), 0u);
}

TEST_F(waiting_wills, thousands_that_are_woken_at_once_do_not_hold_up_the_loop) {
    block();
    for (int i = 0; i < 200; ++i) {
        peer client(context);
        client.connect(with_will("c" + std::to_string(i)));
        client.session().on_end({}, context.now);
    }
    unblock();
    publisher.capacity();
    const auto before = publisher.calls;
    context.wakes = 0;
    context.wills.retry(context.now);
    EXPECT_EQ(publisher.calls - before, 64u);
    EXPECT_EQ(context.wakes, 1) << "it asks to go on";
    while (context.wills.size() > 0) context.wills.retry(context.now);
    EXPECT_EQ(context.metrics.wills_published.value(), 200u);
    publisher.waiting.clear();
}

TEST_F(waiting_wills, end_of_the_worker_ends_them) {
    block();
    session_metrics metrics;
    {
        will_queue own(publisher, context.limits, metrics, 60s, [] { FAIL(); });
        bridge::client_info info;
        struct silent final : bridge::publication_sink {
            void on_result(std::uint32_t, const bridge::result&) override {}
            void on_capacity() override {}
        } sink;
        own.add(
            publisher.open(sink, info, true), {}, base::byte_charge(context.budget), context.now
        );
        EXPECT_EQ(publisher.open_streams(), 1u);
    }
    EXPECT_EQ(publisher.open_streams(), 0u);
    EXPECT_EQ(metrics.wills_waiting.value(), 0);
}

}  // namespace
}  // namespace pgw::session
