// Whose limit counts, and what peers may take of it.
#include "worker/server/memory.hpp"

#include <gtest/gtest.h>

namespace {

using namespace pgw::server;

TEST(memory, a_cgroup_limit_is_a_number_of_bytes) {
    EXPECT_EQ(memory_limit("536870912\n"), 536870912u);
    EXPECT_EQ(memory_limit("max\n"), std::nullopt);
    EXPECT_EQ(memory_limit(""), std::nullopt);
    EXPECT_EQ(memory_limit("9223372036854771712\n"), std::nullopt) << "cgroup v1 without a limit";
    EXPECT_EQ(memory_limit("99999999999999999999999"), std::nullopt);
}

TEST(memory, a_quarter_may_be_buffered_and_at_least_64_mebibytes) {
    pgw::manifest::limits limits;
    EXPECT_EQ(buffered_bytes(limits, std::uint64_t{4} << 30), std::uint64_t{1} << 30);
    EXPECT_EQ(buffered_bytes(limits, std::uint64_t{128} << 20), std::uint64_t{64} << 20);
    EXPECT_EQ(buffered_bytes(limits, 0), std::uint64_t{64} << 20);
    limits.max_buffered_bytes = 5'000'000;
    EXPECT_EQ(buffered_bytes(limits, std::uint64_t{4} << 30), 5'000'000u);
}

TEST(memory, the_number_in_force_is_written_out) {
    EXPECT_GT(usable_memory(), 0u);
    const auto shown = in_force({});
    EXPECT_EQ(shown.limits.max_buffered_bytes, buffered_bytes({}, usable_memory()));
}

}  // namespace
