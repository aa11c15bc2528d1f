// When the worker says that it is ready.
#include "worker/server/readiness.hpp"

#include <gtest/gtest.h>

namespace {

using namespace pgw;
using namespace std::chrono_literals;
using server::readiness;

struct ready : testing::Test {
    readiness machine;
    base::time_point now{1h};
    std::string listener = "mqtt";

    void SetUp() override { machine.start(now); }
};

TEST_F(ready, listeners_and_upstreams_make_it_ready_once) {
    EXPECT_FALSE(machine.on_tick({&listener, true}, now));
    EXPECT_EQ(machine.answer({&listener, true}).second, "listener 'mqtt' is not open");
    EXPECT_FALSE(machine.on_tick({nullptr, false}, now));
    EXPECT_EQ(machine.answer({nullptr, false}).second, "waiting for upstreams");
    EXPECT_TRUE(machine.on_tick({nullptr, true}, now));
    EXPECT_FALSE(machine.on_tick({nullptr, true}, now));
    EXPECT_EQ(machine.answer({}), std::pair(true, std::string("ok")));
}

TEST_F(ready, upstreams_are_awaited_for_half_a_minute_and_listeners_for_ever) {
    EXPECT_FALSE(machine.on_tick({nullptr, false}, now + 29s));
    EXPECT_FALSE(machine.on_tick({&listener, false}, now + 1h));
    EXPECT_TRUE(machine.on_tick({nullptr, false}, now + 30s));
}

TEST_F(ready, what_is_lost_later_does_not_take_it_back) {
    machine.on_tick({nullptr, true}, now);
    EXPECT_FALSE(machine.on_tick({&listener, false}, now + 1h));
    EXPECT_TRUE(machine.answer({&listener, false}).first);
}

TEST_F(ready, drain_ends_it_from_any_stage) {
    for (const bool was_ready : {false, true}) {
        readiness other;
        other.start(now);
        if (was_ready) other.on_tick({nullptr, true}, now);
        EXPECT_STREQ(other.name(), was_ready ? "Ready" : "Starting");
        EXPECT_TRUE(other.drain());
        EXPECT_FALSE(other.drain()) << "it has begun";
        EXPECT_FALSE(other.on_tick({nullptr, true}, now));
        EXPECT_EQ(other.answer({}), std::pair(false, std::string("draining")));
        EXPECT_STREQ(other.name(), "Draining");
    }
}

TEST(readiness_before_start, nothing_is_ready) {
    readiness machine;
    EXPECT_FALSE(machine.on_tick({nullptr, true}, base::time_point{1h}));
}

}  // namespace
