// Plans.
#include "operator/controllers/protocol_gateway/rollout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace pgw::controllers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

shard_view shard(
    std::uint32_t index, const char* revision, bool available = true, bool settled = true
) {
    shard_view view;
    view.index = index;
    view.revision = revision;
    view.available = available;
    view.settled = settled;
    view.upstreams = reachability::reachable;
    return view;
}

rollout_input input(
    std::vector<shard_view> shards, std::uint32_t desired, const char* target = "b"
) {
    rollout_input in;
    in.shards = std::move(shards);
    in.desired = desired;
    in.target = target;
    return in;
}

std::vector<std::uint32_t> updated(const rollout_plan& plan) {
    std::vector<std::uint32_t> indices;
    for (const auto& change : plan.update) indices.push_back(change.index);
    return indices;
}

TEST(rollout, a_new_gateway_gets_all_its_shards_at_once) {
    const auto plan = plan_rollout(input({}, 3));
    ASSERT_EQ(plan.create.size(), 3u);
    EXPECT_EQ(plan.create[2], (shard_change{2, "b", ""}));
    EXPECT_THAT(plan.update, IsEmpty());
}

TEST(rollout, nothing_happens_when_all_is_well) {
    const auto plan = plan_rollout(input({shard(0, "b"), shard(1, "b")}, 2));
    EXPECT_THAT(plan.create, IsEmpty());
    EXPECT_THAT(plan.update, IsEmpty());
    EXPECT_THAT(plan.retire, IsEmpty());
    EXPECT_FALSE(plan.rolling);
}

TEST(rollout, goes_shard_by_shard) {
    auto in = input({shard(0, "a"), shard(1, "a"), shard(2, "a")}, 3);
    EXPECT_THAT(updated(plan_rollout(in)), ElementsAre(0));
    EXPECT_EQ(plan_rollout(in).update[0].rolled_from, "a");
    in.shards[0] = shard(0, "b", true, false);
    EXPECT_THAT(updated(plan_rollout(in)), IsEmpty());  // its old pod still drains
    EXPECT_TRUE(plan_rollout(in).rolling);
    in.shards[0] = shard(0, "b");
    EXPECT_THAT(updated(plan_rollout(in)), ElementsAre(1));
}

TEST(rollout, may_go_several_at_once) {
    auto in = input({shard(0, "a"), shard(1, "a"), shard(2, "a")}, 3);
    in.max_concurrent = 2;
    EXPECT_THAT(updated(plan_rollout(in)), ElementsAre(0, 1));
}

TEST(rollout, shards_that_serve_nothing_go_first_and_wait_for_nobody) {
    auto in = input({shard(0, "a"), shard(1, "a", false, false), shard(2, "b", false, false)}, 3);
    EXPECT_THAT(updated(plan_rollout(in)), ElementsAre(1));
    EXPECT_EQ(plan_rollout(in).update[0].rolled_from, "");
}

TEST(rollout, stops_at_the_first_shard_that_does_not_become_ready_and_resumes_when_fixed) {
    auto in = input({shard(0, "bad", true, false), shard(1, "a")}, 2, "bad");
    EXPECT_THAT(updated(plan_rollout(in)), IsEmpty());
    in.target = "fixed";
    EXPECT_THAT(updated(plan_rollout(in)), ElementsAre(0));
}

TEST(rollout, a_shard_that_loses_its_upstreams_is_put_back) {
    auto in = input({shard(0, "b"), shard(1, "a")}, 2);
    in.shards[0].rolled_from = "a";
    in.shards[0].upstreams = reachability::unreachable;
    auto plan = plan_rollout(in);
    ASSERT_TRUE(plan.put_back);
    EXPECT_EQ(*plan.put_back, (shard_change{0, "a", ""}));
    EXPECT_THAT(plan.update, IsEmpty());

    // The old revision has lost them too: it is not the roll's fault, and it is waited for.
    in.shards[1].upstreams = reachability::unreachable;
    plan = plan_rollout(in);
    EXPECT_FALSE(plan.put_back);
    EXPECT_THAT(plan.update, IsEmpty());
}

TEST(rollout, waits_for_the_verdict_on_upstreams) {
    auto in = input({shard(0, "b"), shard(1, "a")}, 2);
    in.shards[0].rolled_from = "a";
    in.shards[0].upstreams = reachability::unknown;
    EXPECT_THAT(updated(plan_rollout(in)), IsEmpty());
    in.shards[0].upstreams = reachability::reachable;
    const auto plan = plan_rollout(in);
    ASSERT_EQ(plan.update.size(), 2u);
    EXPECT_EQ(plan.update[0], (shard_change{0, "b", ""}));  // judged
    EXPECT_EQ(plan.update[1], (shard_change{1, "b", "a"}));
}

TEST(rollout, a_stopped_one_moves_no_shard) {
    auto in = input({shard(0, "a"), shard(1, "b")}, 3);
    in.stopped = true;
    in.fallback = "a";
    const auto plan = plan_rollout(in);
    EXPECT_THAT(plan.update, IsEmpty());
    EXPECT_THAT(plan.create, ElementsAre(shard_change{2, "a", ""}));
}

TEST(rollout, a_new_shard_gets_the_proved_revision_while_one_rolls) {
    auto in = input({shard(0, "a"), shard(1, "a")}, 3);
    in.fallback = "a";
    EXPECT_THAT(plan_rollout(in).create, ElementsAre(shard_change{2, "a", ""}));
}

TEST(rollout, retires_what_does_not_serve_then_the_emptiest_then_the_highest) {
    auto in = input({shard(0, "b"), shard(1, "b", false), shard(2, "b"), shard(3, "b")}, 1);
    in.shards[0].clients = 10;
    in.shards[2].clients = 5;
    in.shards[3].clients = 5;
    EXPECT_THAT(plan_rollout(in).retire, ElementsAre(1, 3, 2));
}

TEST(rollout, retires_singly_and_waits_until_the_last_one_is_gone) {
    auto in = input({shard(0, "b"), shard(1, "b"), shard(2, "b")}, 1);
    in.retire_singly = true;
    EXPECT_THAT(plan_rollout(in).retire, ElementsAre(2));
    in.occupied = {7};
    EXPECT_THAT(plan_rollout(in).retire, IsEmpty());
}

TEST(rollout, an_index_is_used_again_only_when_nothing_of_it_is_left) {
    auto in = input({shard(1, "b")}, 3);
    in.occupied = {0, 2};
    EXPECT_THAT(
        plan_rollout(in).create, ElementsAre(shard_change{3, "b", ""}, shard_change{4, "b", ""})
    );
}

TEST(rollout, what_is_retired_is_not_updated) {
    const auto plan = plan_rollout(input({shard(0, "a"), shard(1, "a", false, false)}, 1));
    EXPECT_THAT(plan.retire, ElementsAre(1));
    EXPECT_THAT(updated(plan), ElementsAre(0));
}

TEST(rollout, zero_shards_retires_all) {
    EXPECT_EQ(plan_rollout(input({shard(0, "b"), shard(1, "b")}, 0)).retire.size(), 2u);
}

// Carries plans out in a world where pods become ready after a while, with the operator dying
// between any two steps: it always ends at the target.
TEST(rollout, converges_from_any_state) {
    std::uint32_t random = 12345;
    const auto draw = [&](std::uint32_t n) {
        random = random * 1664525 + 1013904223;
        return (random >> 16) % n;
    };
    for (int world = 0; world < 300; ++world) {
        std::map<std::uint32_t, shard_view> shards;
        for (std::uint32_t i = 0; i < draw(6); ++i) {
            shards[i] = shard(i, draw(2) == 0 ? "a" : "b", draw(3) != 0, draw(2) == 0);
        }
        const auto desired = draw(6);
        bool done = false;
        for (int step = 0; step < 200 && !done; ++step) {
            rollout_input in;
            for (const auto& [index, view] : shards) in.shards.push_back(view);
            in.desired = desired;
            in.target = "b";
            const auto plan = plan_rollout(in);
            for (const auto& change : plan.create) {
                if (draw(4) == 0) break;  // killed here
                shards[change.index] = shard(change.index, change.revision.c_str(), false, false);
            }
            for (const auto& change : plan.update) {
                if (draw(4) == 0) break;
                auto& view = shards[change.index];
                if (view.revision != change.revision) view.settled = false;
                view.revision = change.revision;
                view.rolled_from = change.rolled_from;
            }
            for (const auto index : plan.retire) {
                if (draw(4) != 0) shards.erase(index);
            }
            for (auto& [index, view] : shards) {
                if (draw(2) == 0) view.available = view.settled = true;
            }
            done = shards.size() == desired && !plan.rolling && plan.update.empty() &&
                   std::all_of(shards.begin(), shards.end(), [](const auto& item) {
                       return item.second.settled && item.second.revision == "b";
                   });
        }
        EXPECT_TRUE(done) << "world " << world;
    }
}

}  // namespace
}  // namespace pgw::controllers
