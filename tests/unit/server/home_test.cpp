// The slot function is published: these values may never change.
#include "worker/server/home.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace {

TEST(home, the_slot_of_a_client_id_is_xxh64_modulo_1024) {
    // XXH64("", 0) = ef46db3751d8e999, XXH64("a", 0) = d24ec4f1a98c6e5b, XXH64("abc", 0) =
    // 44bc2cf5ad770999.
    EXPECT_EQ(pgw::server::slot_of(""), 0x199u);
    EXPECT_EQ(pgw::server::slot_of("a"), 0x25bu);
    EXPECT_EQ(pgw::server::slot_of("abc"), 0x199u);
}

TEST(home, threads_get_similar_shares) {
    std::map<std::uint32_t, int> shares;
    for (int i = 0; i < 30'000; ++i) {
        ++shares[pgw::server::thread_of("device-" + std::to_string(i), 3)];
    }
    ASSERT_EQ(shares.size(), 3u);
    for (const auto& [thread, count] : shares) {
        EXPECT_GT(count, 9'000) << thread;
        EXPECT_LT(count, 11'000) << thread;
    }
}

}  // namespace
