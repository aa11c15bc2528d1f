// Who goes when too many have proved nothing.
#include "worker/server/pending_pool.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

namespace {

using pgw::server::pending_owner;
using pgw::server::pending_pool;
using pgw::server::source;

source from(std::uint8_t host, const void* listener = nullptr) {
    source made{.listener = listener, .address = {}};
    made.address[0] = host;
    return made;
}

struct caller final : pending_owner {
    explicit caller(int n) : number(n) {}
    void give_way() override { entry.leave(); }
    pending_pool::entry entry{*this};
    int number;
};

int number_of(pending_pool::entry* entry) {
    return entry == nullptr ? -1 : static_cast<caller&>(entry->owner()).number;
}

struct pool : testing::Test {
    pending_pool pending{4};
    std::deque<caller> callers;

    caller& call(std::uint8_t host, const void* listener = nullptr) {
        if (auto* surplus = pending.surplus()) surplus->owner().give_way();
        auto& made = callers.emplace_back(int(callers.size()));
        pending.add(made.entry, from(host, listener));
        return made;
    }
    bool is_in(std::size_t number) {
        auto& entry = callers[number].entry;
        const auto before = pending.size();
        entry.leave();
        return pending.size() < before;
    }
};

TEST_F(pool, room_asks_nobody_to_go) {
    EXPECT_EQ(pending.surplus(), nullptr);
    EXPECT_EQ(pending.least_worthy(), nullptr);
    for (int i = 0; i < 3; ++i) call(1);
    EXPECT_EQ(pending.surplus(), nullptr);
    call(1);
    EXPECT_EQ(number_of(pending.surplus()), 0) << "the oldest";
}

TEST_F(pool, flood_from_one_address_pushes_out_itself_and_nobody_else) {
    call(7);
    for (int i = 0; i < 100; ++i) call(1);
    EXPECT_EQ(pending.size(), 4u);
    EXPECT_TRUE(is_in(0)) << "the device of another address is still waited for";
    EXPECT_TRUE(is_in(100));
    EXPECT_TRUE(is_in(99));
    EXPECT_TRUE(is_in(98));
    EXPECT_FALSE(is_in(97));
}

TEST_F(pool, flood_on_one_listener_leaves_another_listener_alone) {
    const int listeners[2] = {};
    call(1, &listeners[0]);
    for (int i = 0; i < 100; ++i) call(1, &listeners[1]);
    EXPECT_TRUE(is_in(0));
}

TEST_F(pool, flood_from_everywhere_pushes_out_who_has_waited_longest) {
    for (int i = 0; i < 10; ++i) call(std::uint8_t(i));
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(is_in(i), i >= 6) << i;
}

TEST_F(pool, whoever_proved_something_leaves_and_makes_room) {
    auto& first = call(1);
    for (int i = 0; i < 3; ++i) call(1);
    first.entry.leave();
    first.entry.leave();  // Twice does no harm.
    EXPECT_EQ(pending.surplus(), nullptr);
    EXPECT_EQ(number_of(pending.least_worthy()), 1);
}

TEST_F(pool, end_of_a_caller_leaves_it_too) {
    {
        caller passing(99);
        pending.add(passing.entry, from(1));
        EXPECT_EQ(pending.size(), 1u);
    }
    EXPECT_EQ(pending.size(), 0u);
    EXPECT_EQ(pending.least_worthy(), nullptr);
}

// Any order of coming and going leaves the books in order.
TEST(pool_sweep, random_comings_and_goings) {
    std::uint32_t random = 1;
    const auto next = [&](std::uint32_t below) {
        random = random * 1664525u + 1013904223u;
        return (random >> 8) % below;
    };
    pending_pool pending(64);
    std::vector<std::unique_ptr<caller>> callers;
    for (int i = 0; i < 20'000; ++i) {
        if (next(3) != 0 || callers.empty()) {
            if (auto* surplus = pending.surplus()) surplus->owner().give_way();
            callers.push_back(std::make_unique<caller>(i));
            pending.add(callers.back()->entry, from(std::uint8_t(next(9))));
        } else {
            const auto gone = next(std::uint32_t(callers.size()));
            std::swap(callers[gone], callers.back());
            callers.pop_back();
        }
        ASSERT_LE(pending.size(), 64u);
    }
    callers.clear();
    EXPECT_EQ(pending.size(), 0u);
}

}  // namespace
