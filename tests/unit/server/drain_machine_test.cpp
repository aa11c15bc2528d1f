// The drain of a thread in virtual time.
#include "worker/server/drain_machine.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace pgw;
using namespace std::chrono_literals;
using server::drain_machine;

constexpr base::milliseconds tick{50};

struct drain : testing::Test {
    drain_machine machine;
    base::time_point now{1h};
    drain_machine::facts seen{.upstreams_closed = true};

    drain_machine::step step() {
        now += tick;
        return machine.on_tick(seen, now);
    }
};

TEST_F(drain, nothing_happens_before_it_is_asked_for) {
    seen.connections = seen.untold = 10;
    for (int i = 0; i < 100; ++i) {
        const auto next = step();
        EXPECT_EQ(next.tell, 0u);
        EXPECT_FALSE(next.close_clients || next.close_upstreams || next.end);
    }
    EXPECT_FALSE(machine.draining());
}

TEST_F(drain, idle_thread_closes_its_upstreams_and_ends) {
    machine.begin(now, 10s);
    EXPECT_TRUE(step().close_upstreams);
    const auto last = step();
    EXPECT_TRUE(last.end);
    EXPECT_FALSE(last.close_upstreams);
    EXPECT_FALSE(step().end) << "once";
    EXPECT_EQ(machine.where(), drain_machine::stage::over);
}

TEST_F(drain, everyone_is_told_within_half_of_the_time_and_not_at_once) {
    machine.begin(now, 10s);
    seen.connections = seen.untold = 100'000;
    const auto first = step().tell;
    EXPECT_LT(first, 2000u);
    seen.untold -= first;
    int ticks = 1;
    while (seen.untold > 0) {
        const auto told = step().tell;
        ASSERT_GT(told, 0u);
        ASSERT_LE(told, seen.untold);
        seen.untold -= told;
        ++ticks;
    }
    EXPECT_LE(ticks * tick, 5s + tick);
    EXPECT_GT(ticks * tick, 2s);
}

TEST_F(drain, deadline_disconnects_who_is_left_once_and_does_not_wait_for_ever) {
    machine.begin(now, 1s);
    const auto began = now;
    seen.connections = 3;
    seen.unsettled = 5;
    int closes = 0;
    for (;;) {
        const auto next = step();
        closes += next.close_clients ? 1 : 0;
        if (next.close_upstreams) break;
        ASSERT_LT(now - began, 10s);
    }
    EXPECT_EQ(closes, 1);
    EXPECT_EQ(now - began, 2s) << "a second for what is still in flight";
}

TEST_F(drain, publications_and_wills_without_an_outcome_are_awaited) {
    machine.begin(now, 10s);
    seen.unsettled = 1;
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(step().close_upstreams);
    seen.unsettled = 0;
    EXPECT_TRUE(step().close_upstreams);
}

TEST_F(drain, second_call_can_only_hurry) {
    machine.begin(now, 10s);
    machine.begin(now, 1h);
    seen.connections = 1;
    machine.begin(now, 200ms);
    const auto began = now;
    while (!step().close_clients) ASSERT_LT(now - began, 1s);
    EXPECT_LE(now - began, 200ms);
}

TEST_F(drain, upstream_that_never_answers_the_close_does_not_hold_the_process) {
    machine.begin(now, 1s);
    seen.upstreams_closed = false;
    EXPECT_TRUE(step().close_upstreams);
    const auto began = now;
    while (!step().end) ASSERT_LT(now - began, 10s);
    EXPECT_EQ(now - began, 5s);
}

// Whatever stays as it is from some step on, the drain comes to its end.
TEST(drain_sweep, ends_though_any_one_thing_never_happens) {
    for (int stuck_at = 0; stuck_at < 60; ++stuck_at) {
        drain_machine machine;
        base::time_point now{1h};
        const auto began = now;
        machine.begin(now, 2s);
        drain_machine::facts seen{.untold = 500, .connections = 500, .unsettled = 300};
        bool ended = false;
        for (int i = 0; !ended; ++i) {
            now += tick;
            const auto next = machine.on_tick(seen, now);
            ended = next.end;
            ASSERT_LT(now - began, 2s + 1s + 5s + 4 * tick) << stuck_at;
            if (i >= stuck_at) continue;  // From now on nothing moves.
            seen.untold -= next.tell;
            seen.connections -= std::min<std::size_t>(seen.connections, 20);
            seen.unsettled -= std::min<std::size_t>(seen.unsettled, 7);
            if (next.close_clients) seen.connections = 0;
            if (next.close_upstreams) seen.upstreams_closed = true;
        }
    }
}

}  // namespace
