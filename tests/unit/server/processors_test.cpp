// Reading a cgroup's CPU quota.
#include "worker/server/processors.hpp"

#include <gtest/gtest.h>

namespace {

TEST(processors, a_quota_is_rounded_up_to_whole_cpus) {
    EXPECT_EQ(pgw::server::quota_processors("200000 100000\n"), 2u);
    EXPECT_EQ(pgw::server::quota_processors("150000 100000\n"), 2u);
    EXPECT_EQ(pgw::server::quota_processors("1000 100000\n"), 1u);
}

TEST(processors, without_a_quota_there_is_no_bound) {
    EXPECT_EQ(pgw::server::quota_processors("max 100000\n"), 0u);
    EXPECT_EQ(pgw::server::quota_processors(""), 0u);
    EXPECT_EQ(pgw::server::quota_processors("100000 0"), 0u);
}

TEST(processors, there_is_at_least_one) {
    EXPECT_GE(pgw::server::usable_processors(), 1u);
}

}  // namespace
