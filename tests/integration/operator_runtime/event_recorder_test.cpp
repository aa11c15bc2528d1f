// Events as the server gets them.
#include "operator/runtime/event_recorder.hpp"

#include "tests/integration/operator_runtime/runtime_fixture.hpp"

#include <gmock/gmock.h>

namespace {

using namespace pgw::runtime;
using testing::ElementsAre;

struct event_recorder_test : pgw::test::runtime_fixture {
    event_recorder events{*client, io, "example.dev/operator", "pod_1", log};
    event what{
        .regarding = {"v1", "ConfigMap", "ns", "things", "uid-1", "17"},
        .warning = false,
        .reason = "RolloutStarted",
        .action = "RollOut",
        .note = "to revision 2"
    };

    bool run_until_seen(std::size_t requests) {
        return run_until([&] { return store->seen.size() >= requests; });
    }
    std::vector<std::string> methods() const { return store->methods("/apis/events.k8s.io/v1/"); }
};

TEST_F(event_recorder_test, what_repeats_is_created_and_then_patched) {
    for (int i = 0; i < 5; ++i) events.record(what);
    auto other = what;
    other.reason = "RolloutFinished";
    events.record(other);
    ASSERT_TRUE(run_until([&] { return store->objects.size() == 2; }));
    EXPECT_THAT(methods(), ElementsAre("POST", "PATCH", "POST"));
    const auto& first = store->objects.begin()->second;
    const auto& second = store->objects.rbegin()->second;
    const auto& series = first.contains("series") ? first : second;
    EXPECT_EQ(series.at("reason").as_string(), "RolloutStarted");
    EXPECT_EQ(series.at("series").at("count").as_int64(), 2);
}

TEST_F(event_recorder_test, an_event_that_is_gone_is_created_again_with_its_series) {
    events.record(what);
    ASSERT_TRUE(run_until_seen(1));
    store->objects.clear();
    events.record(what);
    ASSERT_TRUE(run_until_seen(3));
    EXPECT_THAT(methods(), ElementsAre("POST", "PATCH", "POST"));
    ASSERT_EQ(store->objects.size(), 1U);
    EXPECT_TRUE(store->objects.begin()->second.contains("series"));
}

TEST_F(event_recorder_test, what_the_server_refuses_is_not_repeated) {
    store->refuse = [this](const auto&) {
        return store->seen.size() == 1 ? 403 : store->seen.size() == 2 ? 422 : 0;
    };
    for (const auto* reason : {"One", "Two", "Three"}) {
        what.reason = reason;
        events.record(what);
    }
    ASSERT_TRUE(run_until([&] { return store->objects.size() == 1; }));
    EXPECT_THAT(methods(), ElementsAre("POST", "POST", "POST"));
    EXPECT_EQ(store->objects.begin()->second.at("reason").as_string(), "Three");
}

TEST_F(event_recorder_test, stop_drops_what_waits_for_another_try) {
    store->refuse = [](const auto&) { return 503; };
    for (int i = 0; i < 3; ++i) {
        what.reason = "R" + std::to_string(i);
        events.record(what);
    }
    ASSERT_TRUE(run_until_seen(1));
    events.stop();
    store->refuse = nullptr;
    events.record(what);
    io.restart();
    io.run_for(std::chrono::milliseconds(50));
    EXPECT_THAT(methods(), ElementsAre("POST"));
}

TEST_F(event_recorder_test, the_queue_is_bounded) {
    for (int i = 0; i < 1'200; ++i) {
        what.reason = "R" + std::to_string(i);
        events.record(what);
    }
    ASSERT_TRUE(run_until_seen(1'000));
    io.restart();
    io.run_for(std::chrono::milliseconds(50));
    EXPECT_LE(store->seen.size(), 1'001U);
}

}  // namespace
