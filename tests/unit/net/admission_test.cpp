// Who goes when the pool is full.
#include "common/net/admission.hpp"

#include <gtest/gtest.h>

namespace pgw::net {
namespace {

using base::time_point;
using std::chrono::milliseconds;

struct admission_test : testing::Test {
    time_point at(int ms) const { return time_point{} + milliseconds(ms); }
    std::optional<admission::id> open(admission::id who, int ms, source_key source = 1) {
        return pool.on_opened(who, source, at(ms));
    }

    admission pool{4, 2};
};

TEST_F(admission_test, a_newcomer_is_never_the_one_to_go) {
    for (admission::id who = 0; who < 4; ++who) EXPECT_FALSE(open(who, static_cast<int>(who)));
    EXPECT_EQ(open(4, 4), 0u);
    EXPECT_EQ(open(5, 5), 1u);
    EXPECT_EQ(pool.size(), 4u);
}

TEST_F(admission_test, the_one_that_waited_longest_since_its_last_request_goes) {
    for (admission::id who = 0; who < 4; ++who) open(who, static_cast<int>(who));
    pool.on_request(0, at(10));
    pool.on_answered(0, at(11));
    EXPECT_EQ(open(4, 20), 1u);
}

TEST_F(admission_test, who_is_answered_stays_while_another_one_waits) {
    for (admission::id who = 0; who < 4; ++who) open(who, static_cast<int>(who));
    for (admission::id who = 0; who < 3; ++who) pool.on_request(who, at(10));
    EXPECT_EQ(open(4, 20), 3u);
}

TEST_F(admission_test, slow_readers_go_before_who_is_answered_shortly) {
    for (admission::id who = 0; who < 4; ++who) open(who, static_cast<int>(who));
    pool.on_request(0, at(10));
    pool.on_request(1, at(11));
    EXPECT_FALSE(pool.on_long_request(2, at(12)));
    EXPECT_FALSE(pool.on_long_request(3, at(13)));
    EXPECT_EQ(open(4, 20), 2u);
}

TEST_F(admission_test, slow_readers_hold_their_share_only) {
    for (admission::id who = 0; who < 3; ++who) open(who, static_cast<int>(who));
    EXPECT_FALSE(pool.on_long_request(2, at(10)));
    EXPECT_FALSE(pool.on_long_request(1, at(11)));
    EXPECT_EQ(pool.on_long_request(0, at(12)), 2u) << "the oldest of them";
    EXPECT_EQ(pool.size(), 2u);
}

TEST_F(admission_test, a_flood_from_one_place_costs_that_place) {
    open(0, 0, 7);
    for (admission::id who = 1; who < 100; ++who) open(who, static_cast<int>(who), 1);
    EXPECT_EQ(pool.size(), 4u);
    EXPECT_EQ(open(100, 100, 1), 97u);
    pool.on_request(0, at(101));
    EXPECT_EQ(open(101, 102, 1), 98u);
}

TEST_F(admission_test, a_probe_among_a_thousand_idle_connects_is_answered) {
    for (admission::id who = 0; who < 1000; ++who) {
        const bool is_probe = who % 100 == 50;
        const auto gone = open(who, static_cast<int>(who));
        EXPECT_NE(gone.value_or(0) % 100, 50u);
        if (is_probe) {
            pool.on_request(who, at(static_cast<int>(who)));
            pool.on_closed(who);
        }
    }
}

TEST_F(admission_test, what_went_or_closed_is_forgotten) {
    open(0, 0);
    pool.on_closed(0);
    pool.on_closed(0);
    pool.on_request(0, at(1));
    pool.on_answered(0, at(2));
    EXPECT_FALSE(pool.on_long_request(0, at(3)));
    EXPECT_FALSE(pool.take_victim());
    EXPECT_EQ(pool.size(), 0u);
}

TEST_F(admission_test, there_is_room_for_one_at_least) {
    admission none(0, 0);
    EXPECT_FALSE(none.on_opened(1, 1, at(0)));
    EXPECT_FALSE(none.on_long_request(1, at(1)));
    EXPECT_EQ(none.on_opened(2, 1, at(2)), 1u);
}

}  // namespace
}  // namespace pgw::net
