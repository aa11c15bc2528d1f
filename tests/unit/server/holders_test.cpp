// Who holds most.
#include "worker/server/holders.hpp"

#include <gtest/gtest.h>

namespace {

struct holder {
    pgw::server::budget_holders<holder>::entry entry{*this};
};
using holders = pgw::server::budget_holders<holder>;

TEST(holders, largest_goes_first_and_the_small_are_left_alone) {
    holders all;
    holder small;
    holder large;
    holder larger;
    all.update(small.entry, 500);
    EXPECT_EQ(all.largest(), nullptr) << "not worth disconnecting";
    all.update(large.entry, 5000);
    all.update(larger.entry, 100'000);
    EXPECT_EQ(all.largest(), &larger);
    EXPECT_EQ(all.largest(0, &larger), &large);
    EXPECT_EQ(all.largest(8192, &larger), nullptr) << "nobody else holds as much";
    all.update(larger.entry, 0);
    EXPECT_EQ(all.largest(), &large);
    all.update(large.entry, 0);
    EXPECT_EQ(all.largest(), nullptr);
}

TEST(holders, among_equals_the_one_that_has_held_longest) {
    holders all;
    holder one;
    holder two;
    all.update(one.entry, 5000);
    all.update(two.entry, 5001);
    EXPECT_EQ(all.largest(), &one);
    EXPECT_EQ(all.largest(0, &one), &two);
}

TEST(holders, end_of_a_holder_takes_it_out) {
    holders all;
    {
        holder passing;
        all.update(passing.entry, 1 << 20);
        EXPECT_EQ(all.largest(), &passing);
    }
    EXPECT_EQ(all.largest(), nullptr);
}

}  // namespace
