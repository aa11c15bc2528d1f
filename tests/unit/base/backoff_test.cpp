// Backoff: doubling, bounds, jitter.
#include "common/base/backoff.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using pgw::base::backoff;

TEST(backoff, smallest_random_number_gives_half_the_step) {
    backoff b{100ms, 1000ms};
    EXPECT_EQ(b.next(0), 50ms);
    EXPECT_EQ(b.next(0), 100ms);
    EXPECT_EQ(b.next(0), 200ms);
}

TEST(backoff, largest_random_number_gives_the_whole_step) {
    backoff b{100ms, 1000ms};
    EXPECT_EQ(b.next(UINT32_MAX), 100ms);
    EXPECT_EQ(b.next(UINT32_MAX), 200ms);
}

TEST(backoff, never_exceeds_its_maximum_however_often_it_fails) {
    backoff b{100ms, 1000ms};
    for (int i = 0; i < 200; ++i) EXPECT_LE(b.next(UINT32_MAX), 1000ms);
    EXPECT_EQ(b.next(UINT32_MAX), 1000ms);
    EXPECT_EQ(b.next(0), 500ms);
}

TEST(backoff, reset_starts_over) {
    backoff b{100ms, 1000ms};
    b.next(7);
    b.next(7);
    EXPECT_EQ(b.attempts(), 2u);
    b.reset();
    EXPECT_EQ(b.attempts(), 0u);
    EXPECT_EQ(b.next(0), 50ms);
}

TEST(backoff, initial_above_the_maximum_is_capped) {
    backoff b{5000ms, 1000ms};
    EXPECT_EQ(b.next(UINT32_MAX), 1000ms);
}

TEST(backoff, zero_stays_zero) {
    backoff b{0ms, 1000ms};
    EXPECT_EQ(b.next(0), 0ms);
    EXPECT_EQ(b.next(UINT32_MAX), 0ms);
}

TEST(backoff, extreme_values_do_not_overflow) {
    backoff b{pgw::base::milliseconds::max(), pgw::base::milliseconds::max()};
    EXPECT_GE(b.next(0), 0ms);
    EXPECT_GE(b.next(0), 0ms);
}

}  // namespace
