// Giving descriptors up and taking them back.
#include "common/base/descriptor_reserve.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace pgw::base {
namespace {

TEST(descriptor_reserve, lets_a_file_be_opened_when_none_is_left) {
    descriptor_reserve reserve(2);
    ASSERT_EQ(reserve.size(), 2u);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int highest = ::dup(STDERR_FILENO);
    // Nothing above what is open now.
    const rlimit none{static_cast<rlim_t>(highest), before.rlim_max};
    ::close(highest);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const int refused = ::open("/", O_PATH | O_CLOEXEC);
    const bool gave = reserve.give_up();
    const int opened = ::open("/", O_PATH | O_CLOEXEC);
    reserve.refill();
    const auto left = reserve.size();
    if (opened >= 0) ::close(opened);
    reserve.refill();
    const auto after = reserve.size();
    ::setrlimit(RLIMIT_NOFILE, &before);

    EXPECT_LT(refused, 0);
    EXPECT_TRUE(gave);
    EXPECT_GE(opened, 0);
    EXPECT_EQ(left, 1u);
    EXPECT_EQ(after, 2u);
}

TEST(descriptor_reserve, ends) {
    descriptor_reserve reserve(1);
    EXPECT_TRUE(reserve.give_up());
    EXPECT_FALSE(reserve.give_up());
}

}  // namespace
}  // namespace pgw::base
