// Timing wheel: when timers fire, and what firing timers may do to each other.
#include "common/base/timing_wheel.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>

namespace {

using namespace std::chrono_literals;
using pgw::base::time_point;
using pgw::base::timing_wheel;
using pgw::base::wheel_timer;

struct timer final : wheel_timer {
    void on_timer(time_point now) override {
        ++fired;
        fired_at = now;
        if (action) action();
    }
    int fired = 0;
    time_point fired_at{};
    std::function<void()> action;
};

struct timing_wheel_test : testing::Test {
    const time_point start{1000s + 7ms};  // not on a tick
    timing_wheel wheel{start, 8};         // one revolution: 400 ms
    timer a, b, c;
};

TEST_F(timing_wheel_test, fires_once_at_the_first_tick_not_before_the_deadline) {
    wheel.arm(a, start + 110ms);
    wheel.advance(start + 109ms);
    EXPECT_EQ(a.fired, 0);
    wheel.advance(start + 160ms);
    EXPECT_EQ(a.fired, 1);
    EXPECT_FALSE(a.armed());
    wheel.advance(start + 10s);
    EXPECT_EQ(a.fired, 1);
    EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(timing_wheel_test, deadline_on_a_tick_fires_at_it) {
    wheel.arm(a, time_point{1000s + 100ms});
    wheel.advance(time_point{1000s + 99ms});
    EXPECT_EQ(a.fired, 0);
    wheel.advance(time_point{1000s + 100ms});
    EXPECT_EQ(a.fired, 1);
}

TEST_F(timing_wheel_test, passed_deadline_fires_at_the_next_tick) {
    wheel.arm(a, start - 10s);
    wheel.advance(start + 50ms);
    EXPECT_EQ(a.fired, 1);
}

TEST_F(timing_wheel_test, deadline_many_revolutions_ahead_fires_in_its_own) {
    wheel.arm(a, start + 1h);
    for (auto t = 50ms; t < 1h; t += 50ms) wheel.advance(start + t);
    EXPECT_EQ(a.fired, 0);
    wheel.advance(start + 1h + 50ms);
    EXPECT_EQ(a.fired, 1);
}

TEST_F(timing_wheel_test, clock_jump_over_many_revolutions_fires_all_that_is_due_and_no_more) {
    wheel.arm(a, start + 100ms);
    wheel.arm(b, start + 5s);
    wheel.arm(c, start + 24h + 1s);
    wheel.advance(start + 24h);
    EXPECT_EQ(a.fired, 1);
    EXPECT_EQ(b.fired, 1);
    EXPECT_EQ(c.fired, 0);
    EXPECT_EQ(wheel.size(), 1u);
    wheel.advance(start + 24h + 2s);
    EXPECT_EQ(c.fired, 1);
}

TEST_F(timing_wheel_test, time_going_backwards_is_ignored) {
    wheel.advance(start + 1s);
    wheel.arm(a, start + 1100ms);
    wheel.advance(start);
    EXPECT_EQ(a.fired, 0);
    wheel.advance(start + 1200ms);
    EXPECT_EQ(a.fired, 1);
}

TEST_F(timing_wheel_test, rearming_moves_and_cancelling_removes) {
    wheel.arm(a, start + 100ms);
    wheel.arm(a, start + 1s);
    wheel.arm(b, start + 100ms);
    wheel.cancel(b);
    wheel.cancel(b);
    EXPECT_EQ(wheel.size(), 1u);
    wheel.advance(start + 500ms);
    EXPECT_EQ(a.fired + b.fired, 0);
    wheel.advance(start + 2s);
    EXPECT_EQ(a.fired, 1);
}

TEST_F(timing_wheel_test, destruction_disarms) {
    auto gone = std::make_unique<timer>();
    wheel.arm(*gone, start + 100ms);
    gone.reset();
    EXPECT_EQ(wheel.size(), 0u);
    wheel.advance(start + 1s);
}

TEST_F(timing_wheel_test, firing_timer_may_rearm_itself_and_does_not_fire_again_in_this_advance) {
    a.action = [&] { wheel.arm(a, start); };
    wheel.arm(a, start + 50ms);
    wheel.advance(start + 24h);
    EXPECT_EQ(a.fired, 1);
    wheel.advance(start + 24h + 50ms);
    EXPECT_EQ(a.fired, 2);
}

TEST_F(timing_wheel_test, firing_timer_may_cancel_and_destroy_others_that_are_due) {
    auto gone = std::make_unique<timer>();
    a.action = [&] {
        wheel.cancel(b);
        gone.reset();
    };
    wheel.arm(a, start + 60ms);
    wheel.arm(b, start + 60ms);
    wheel.arm(*gone, start + 60ms);
    wheel.arm(c, start + 60ms);
    wheel.advance(start + 1s);
    EXPECT_EQ(a.fired, 1);
    EXPECT_EQ(b.fired, 0);
    EXPECT_EQ(c.fired, 1);
    EXPECT_EQ(wheel.size(), 0u);
}

TEST_F(timing_wheel_test, firing_timer_may_postpone_another_that_is_due) {
    a.action = [&] { wheel.arm(b, start + 5s); };
    wheel.arm(a, start + 60ms);
    wheel.arm(b, start + 60ms);
    wheel.advance(start + 1s);
    EXPECT_EQ(b.fired, 0);
    wheel.advance(start + 6s);
    EXPECT_EQ(b.fired, 1);
}

TEST_F(timing_wheel_test, firing_timer_may_destroy_itself) {
    auto self = std::make_unique<timer>();
    self->action = [&] { self.reset(); };
    wheel.arm(*self, start + 60ms);
    wheel.arm(a, start + 60ms);
    wheel.advance(start + 1s);
    EXPECT_EQ(self, nullptr);
    EXPECT_EQ(a.fired, 1);
}

TEST_F(timing_wheel_test, wheel_destroyed_first_disarms_its_timers) {
    {
        timing_wheel shorter{start};
        shorter.arm(a, start + 1s);
    }
    EXPECT_FALSE(a.armed());
}

TEST_F(timing_wheel_test, farthest_deadline_is_no_overflow) {
    wheel.arm(a, time_point::max());
    wheel.advance(start + 24h * 365);
    EXPECT_EQ(a.fired, 0);
    EXPECT_EQ(wheel.size(), 1u);
}

TEST_F(timing_wheel_test, random_deadlines_and_steps_fire_each_timer_within_a_tick_of_its_step) {
    std::mt19937 random{4711};
    std::vector<timer> timers(500);
    for (auto& t : timers) wheel.arm(t, start + std::chrono::milliseconds(random() % 20'000));
    auto now = start;
    while (wheel.size() > 0) {
        const auto before = now;
        now += std::chrono::milliseconds(random() % 700);
        wheel.advance(now);
        for (const auto& t : timers) {
            if (t.fired == 0) {
                EXPECT_GT(t.deadline(), now - timing_wheel::tick);
            }
            if (t.fired_at == now && now > before) {
                EXPECT_LE(t.deadline(), now);
                EXPECT_GT(t.deadline(), before - timing_wheel::tick);
            }
        }
    }
    for (const auto& t : timers) EXPECT_EQ(t.fired, 1);
}

}  // namespace
