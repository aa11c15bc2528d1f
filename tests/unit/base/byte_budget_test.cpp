// The budget of the process: it never exceeds its limit and forgets nothing.
#include "common/base/byte_budget.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

namespace {

using pgw::base::byte_budget;
using pgw::base::byte_charge;

TEST(byte_budget, a_charge_beyond_the_limit_is_refused_and_leaves_no_trace) {
    byte_budget budget(100);
    EXPECT_TRUE(budget.charge(60));
    EXPECT_FALSE(budget.charge(41));
    EXPECT_EQ(budget.used(), 60u);
    EXPECT_TRUE(budget.charge(40));
    EXPECT_FALSE(budget.charge(1));
    budget.release(100);
    EXPECT_EQ(budget.used(), 0u);
}

TEST(byte_budget, an_absurd_charge_does_not_wrap_around) {
    byte_budget budget(100);
    EXPECT_TRUE(budget.charge(10));
    EXPECT_FALSE(budget.charge(std::numeric_limits<std::size_t>::max()));
    EXPECT_EQ(budget.used(), 10u);
}

TEST(byte_charge, growing_may_fail_and_then_keeps_what_it_has) {
    byte_budget budget(100);
    byte_charge charge(budget);
    EXPECT_TRUE(charge.resize(80));
    EXPECT_FALSE(charge.resize(101));
    EXPECT_FALSE(charge.grow(21));
    EXPECT_EQ(charge.held(), 80u);
    EXPECT_TRUE(charge.resize(30));
    EXPECT_EQ(budget.used(), 30u);
}

TEST(byte_charge, its_end_gives_everything_back) {
    byte_budget budget(100);
    {
        byte_charge charge(budget);
        EXPECT_TRUE(charge.grow(70));
    }
    EXPECT_EQ(budget.used(), 0u);
}

TEST(byte_charge, a_move_takes_the_charge_along_once) {
    byte_budget budget(100);
    byte_charge first(budget);
    EXPECT_TRUE(first.resize(40));
    byte_charge second(std::move(first));
    EXPECT_EQ(second.held(), 40u);
    byte_charge third(budget);
    EXPECT_TRUE(third.resize(50));
    third = std::move(second);
    EXPECT_EQ(budget.used(), 40u);
    third.clear();
    EXPECT_EQ(budget.used(), 0u);
}

TEST(byte_budget, threads_that_race_for_the_last_bytes_stay_within_it_and_return_to_nothing) {
    byte_budget budget(1000);
    std::vector<std::thread> threads;
    std::atomic<bool> exceeded{false};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 20'000; ++round) {
                byte_charge charge(budget);
                charge.resize(std::size_t(round % 400));
                if (budget.used() > budget.limit()) exceeded = true;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(exceeded);
    EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
