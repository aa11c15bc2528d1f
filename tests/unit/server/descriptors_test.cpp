// The reserve of descriptors that devices never get.
#include "worker/server/descriptors.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace {

using pgw::server::descriptor_shares;

TEST(descriptors, a_reserve_is_kept_whatever_the_limit) {
    const struct {
        std::uint64_t limit;
        std::uint64_t for_devices;
    } rows[] = {{1'048'576, 1'048'064}, {1024, 896}, {64, 48}, {20, 10}, {0, 0}};
    for (const auto& row : rows) {
        EXPECT_EQ(descriptor_shares(row.limit).for_devices(), row.for_devices) << row.limit;
    }
}

TEST(descriptors, the_soft_limit_becomes_the_hard_one) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    auto low = before;
    low.rlim_cur = before.rlim_max / 2;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    EXPECT_EQ(pgw::server::raise_descriptor_limit(), before.rlim_max);
    setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
