// Regions keep their bytes through wrapping and growth.
#include "worker/bridge/byte_ring.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace {

using pgw::bridge::byte_ring;

struct region {
    std::uint64_t position;
    std::size_t size;
    unsigned char fill;
};

TEST(byte_ring, regions_survive_wrapping_and_growth) {
    byte_ring ring(1 << 20);
    std::deque<region> live;
    std::mt19937 random(42);
    for (int step = 0; step < 4000; ++step) {
        const bool add = live.empty() || random() % 100 < (step < 2000 ? 55 : 45);
        if (add) {
            const std::size_t bound = 1 + random() % 5000;
            const auto space = ring.allocate(bound);
            if (space.empty()) continue;
            const auto size = 1 + random() % bound;
            const auto fill = static_cast<unsigned char>(random());
            std::memset(space.data(), fill, size);
            live.push_back({ring.commit(size), size, fill});
        } else {
            const auto& oldest = live.front();
            for (std::size_t i = 0; i < oldest.size; ++i) {
                ASSERT_EQ(ring.at(oldest.position)[i], std::byte{oldest.fill}) << "step " << step;
            }
            ring.release(oldest.position + oldest.size);
            live.pop_front();
        }
    }
}

TEST(byte_ring, the_bound_holds) {
    byte_ring ring(100'000);  // rounded up to 131,072
    std::size_t taken = 0;
    while (!ring.allocate(10'000).empty()) {
        ring.commit(10'000);
        taken += 10'000;
    }
    EXPECT_LE(taken, ring.maximum());
    EXPECT_GT(taken, ring.maximum() - 2 * 10'000);
    EXPECT_TRUE(ring.allocate(ring.maximum() + 1).empty());
}

TEST(byte_ring, a_reset_ring_is_usable_again) {
    byte_ring ring(1 << 20);
    for (int i = 0; i < 30; ++i) {
        ASSERT_FALSE(ring.allocate(20'000).empty());
        ring.commit(20'000);
    }
    ring.reset();
    EXPECT_EQ(ring.used(), 0u);
    EXPECT_FALSE(ring.allocate(20'000).empty());
}

}  // namespace
