// The work queue: tables of what happens to one key or two, and a comparison with a naive model.
#include "operator/runtime/work_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using pgw::base::duration;
using pgw::base::time_point;
using pgw::runtime::priority;
using pgw::runtime::work_queue;

constexpr time_point start = time_point{} + 1h;
constexpr std::uint32_t longest = UINT32_MAX;  // Draws the whole step of a backoff.

struct work_queue_test : testing::Test {
    work_queue queue{work_queue::options{}};
    time_point now = start;

    std::string take() {
        auto next = queue.take(now);
        return next ? next->key : "";
    }
    std::vector<std::string> take_all() {
        std::vector<std::string> all;
        for (auto key = take(); !key.empty(); key = take()) all.push_back(key);
        return all;
    }
};

TEST_F(work_queue_test, an_empty_queue_has_nothing_in_sight) {
    EXPECT_EQ(take(), "");
    EXPECT_EQ(queue.next(now), std::nullopt);
}

TEST_F(work_queue_test, keys_come_first_in_first_out_and_once) {
    queue.add("a", priority::normal, now);
    queue.add("b", priority::normal, now);
    queue.add("a", priority::normal, now);
    EXPECT_EQ(queue.next(now), now);
    EXPECT_THAT(take_all(), testing::ElementsAre("a", "b"));
    EXPECT_EQ(queue.count(now).adds, 2U);
}

TEST_F(work_queue_test, live_edits_go_before_a_first_list) {
    queue.add("listed", priority::low, now);
    queue.add("both", priority::low, now);
    queue.add("edited", priority::normal, now);
    queue.add("both", priority::normal, now);
    queue.add("both", priority::low, now);
    EXPECT_THAT(take_all(), testing::ElementsAre("both", "edited", "listed"));
}

TEST_F(work_queue_test, a_key_that_is_processed_is_ready_again_only_when_that_is_done) {
    queue.add("a", priority::normal, now);
    EXPECT_EQ(take(), "a");
    queue.add("a", priority::normal, now);
    queue.add("a", priority::normal, now);
    EXPECT_EQ(take(), "");
    EXPECT_EQ(queue.next(now), std::nullopt);
    now += 3s;
    EXPECT_EQ(queue.done("a", now), 3s);
    EXPECT_EQ(take(), "a");
    queue.done("a", now);
    EXPECT_EQ(take(), "");
}

TEST_F(work_queue_test, done_of_a_key_that_nobody_took_does_nothing) {
    queue.add("a", priority::normal, now);
    EXPECT_EQ(queue.done("a", now), duration{});
    EXPECT_EQ(queue.done("b", now), duration{});
    EXPECT_THAT(take_all(), testing::ElementsAre("a"));
}

TEST_F(work_queue_test, waiting_is_measured_from_being_ready) {
    queue.add_at("late", start + 2s, now);
    queue.add("early", priority::normal, now);
    now += 5s;
    auto first = queue.take(now);
    auto second = queue.take(now);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->key, "early");
    EXPECT_EQ(first->waited, 5s);
    EXPECT_EQ(second->key, "late");
    EXPECT_EQ(second->waited, 3s);
}

struct merge_case {
    const char* name;
    std::vector<int> delays;  // In seconds, in this order; 0 is `add`.
    int expected;             // When the key is ready.
};

class work_queue_merge : public testing::TestWithParam<merge_case> {};

TEST_P(work_queue_merge, the_earliest_time_wins) {
    for (const bool while_processed : {false, true}) {
        work_queue queue{work_queue::options{}};
        if (while_processed) {
            queue.add("a", priority::normal, start);
            ASSERT_TRUE(queue.take(start));
        }
        for (const int delay : GetParam().delays) {
            if (delay == 0) {
                queue.add("a", priority::normal, start);
            } else {
                queue.add_at("a", start + std::chrono::seconds(delay), start);
            }
        }
        queue.done("a", start);
        const auto due = start + std::chrono::seconds(GetParam().expected);
        EXPECT_EQ(queue.next(start), due);
        if (due > start) {
            EXPECT_FALSE(queue.take(due - 1ns));
        }
        EXPECT_TRUE(queue.take(due));
        queue.done("a", due);
        EXPECT_EQ(queue.next(due), std::nullopt);
    }
}

INSTANTIATE_TEST_SUITE_P(
    all,
    work_queue_merge,
    testing::Values(
        merge_case{"one", {5}, 5},
        merge_case{"later_wish_is_no_delay", {5, 9}, 5},
        merge_case{"earlier_wish_wins", {9, 5}, 5},
        merge_case{"at_once_wins_over_delayed", {9, 0}, 0},
        merge_case{"delayed_does_not_hold_up_at_once", {0, 9}, 0},
        merge_case{"three", {9, 3, 5}, 3}
    ),
    [](const auto& row) { return row.param.name; }
);

TEST_F(work_queue_test, a_wish_to_come_back_keeps_the_priority_with_which_the_key_came) {
    queue.add("listed", priority::low, now);
    queue.add("edited", priority::normal, now);
    take_all();
    for (const auto* key : {"listed", "edited"}) {
        queue.add_at(key, now + 1s, now);
        queue.done(key, now);
    }
    now += 1s;
    EXPECT_THAT(take_all(), testing::ElementsAre("edited", "listed"));
}

TEST_F(work_queue_test, failures_double_the_delay_up_to_the_maximum_until_forgotten) {
    auto expected = 5ms;
    for (int failures = 0; failures < 25; ++failures) {
        queue.add("a", priority::normal, now);
        ASSERT_EQ(take(), "a");
        queue.retry("a", now, longest);
        queue.done("a", now);
        EXPECT_EQ(queue.next(now), now + expected);
        now += expected;
        ASSERT_EQ(take(), "a");
        queue.done("a", now);
        expected = std::min(expected * 2, std::chrono::milliseconds(1'000'000));
    }
    EXPECT_EQ(expected, 1'000s);
    EXPECT_EQ(queue.count(now).retries, 25U);
    queue.forget("a");
    queue.retry("a", now, longest);
    EXPECT_EQ(queue.next(now), now + 5ms);
}

TEST_F(work_queue_test, half_of_a_backoff_is_jittered) {
    queue.retry("a", now, longest);
    queue.remove("a");
    for (int i = 0; i < 4; ++i) queue.retry("a", now, 0);
    EXPECT_EQ(queue.next(now), now + 2ms);  // Half of the first, which is earliest.
}

TEST_F(work_queue_test, a_removed_key_is_dropped_wherever_it_is) {
    queue.add("ready", priority::normal, now);
    queue.add_at("delayed", now + 1s, now);
    queue.remove("ready");
    queue.remove("delayed");
    queue.remove("unknown");
    EXPECT_EQ(queue.next(now), std::nullopt);

    queue.add("processed", priority::normal, now);
    take_all();
    queue.add("processed", priority::normal, now);
    queue.remove("processed");
    queue.done("processed", now);
    EXPECT_EQ(queue.next(now), std::nullopt);
}

TEST_F(work_queue_test, counts_tell_what_is_where) {
    queue.add("a", priority::normal, now);
    queue.add("b", priority::normal, now);
    queue.add("c", priority::normal, now);
    queue.add_at("d", now + 1h, now);
    take();
    now += 2s;
    take();
    now += 3s;
    const auto counts = queue.count(now);
    EXPECT_EQ(counts.depth, 1U);
    EXPECT_EQ(counts.waiting, 1U);
    EXPECT_EQ(counts.processing, 2U);
    EXPECT_EQ(counts.adds, 3U);
    EXPECT_EQ(counts.longest_processing, 5s);
    EXPECT_EQ(counts.unfinished, 8s);
}

// What the contract says, without thought for cost.
struct model {
    struct wish {
        priority rank;
        time_point when;
    };
    std::map<std::string, wish> wanted;
    std::map<std::string, priority> processed;

    void want(const std::string& key, priority p, time_point when) {
        const auto [found, fresh] = wanted.try_emplace(key, wish{p, when});
        if (fresh) return;
        found->second.rank = std::max(found->second.rank, p);
        found->second.when = std::min(found->second.when, when);
    }
    priority rank_of(const std::string& key) const {
        if (const auto found = wanted.find(key); found != wanted.end()) return found->second.rank;
        if (const auto found = processed.find(key); found != processed.end()) return found->second;
        return priority::normal;
    }
    // The best priority of what may be taken; nullopt: nothing may.
    std::optional<priority> best(time_point now) const {
        std::optional<priority> found;
        for (const auto& [key, w] : wanted) {
            if (w.when > now || processed.contains(key)) continue;
            if (!found || w.rank > *found) found = w.rank;
        }
        return found;
    }
    std::optional<time_point> next(time_point now) const {
        std::optional<time_point> found;
        for (const auto& [key, w] : wanted) {
            if (processed.contains(key)) continue;
            const auto when = std::max(w.when, now);
            if (!found || when < *found) found = when;
        }
        return found;
    }
};

TEST(work_queue_model, random_histories_agree_with_the_contract) {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        std::minstd_rand random(seed);
        const auto below = [&](int n) {
            return std::uniform_int_distribution<int>(0, n - 1)(random);
        };
        work_queue queue{work_queue::options{}};
        model expected;
        auto now = start;
        for (int step = 0; step < 3'000; ++step) {
            const std::string key(1, static_cast<char>('a' + below(7)));
            const auto p = below(2) == 0 ? priority::low : priority::normal;
            switch (below(7)) {
                case 0:
                    queue.add(key, p, now);
                    expected.want(key, p, now);
                    break;
                case 1: {
                    const auto when = now + std::chrono::seconds(below(20));
                    queue.add_at(key, when, now);
                    expected.want(key, expected.rank_of(key), when);
                    break;
                }
                case 2:
                    now += std::chrono::seconds(below(5));
                    break;
                case 3:
                    if (below(4) != 0) break;
                    queue.remove(key);
                    expected.wanted.erase(key);
                    break;
                case 4:
                    queue.done(key, now);
                    expected.processed.erase(key);
                    break;
                default: {
                    const auto best = expected.best(now);
                    const auto next = queue.take(now);
                    ASSERT_EQ(next.has_value(), best.has_value());
                    if (!next) break;
                    ASSERT_TRUE(expected.wanted.contains(next->key));
                    ASSERT_FALSE(expected.processed.contains(next->key)) << "twice at once";
                    ASSERT_LE(expected.wanted.at(next->key).when, now);
                    ASSERT_EQ(expected.wanted.at(next->key).rank, *best);
                    expected.processed[next->key] = *best;
                    expected.wanted.erase(next->key);
                }
            }
            auto next = queue.next(now);
            if (next) next = std::max(*next, now);
            ASSERT_EQ(next, expected.next(now)) << "after step " << step;
            ASSERT_EQ(queue.count(now).processing, expected.processed.size());
        }
    }
}

}  // namespace
