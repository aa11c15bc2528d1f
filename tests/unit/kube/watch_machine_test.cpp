// What a reflector does next, case by case.
#include "common/kube/watch_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {

using namespace pgw::kube;
using namespace std::chrono_literals;
using pgw::base::milliseconds;
using pgw::base::time_point;

error of(error_kind kind, std::optional<milliseconds> retry_after = {}) {
    error made;
    made.kind = kind;
    made.retry_after = retry_after;
    return made;
}

std::string describe(const watch_step& step) {
    if (const auto* list = std::get_if<list_action>(&step)) {
        return "list at '" + list->resource_version + "' by " + std::to_string(list->limit);
    }
    if (const auto* watch = std::get_if<watch_action>(&step)) {
        return "watch from '" + watch->resource_version + "'";
    }
    if (const auto* wait = std::get_if<wait_action>(&step)) {
        return "wait " + std::to_string(wait->delay.count());
    }
    return "end";
}

constexpr error_kind every_kind[] = {
    error_kind::not_found,
    error_kind::already_exists,
    error_kind::conflict,
    error_kind::expired,
    error_kind::too_large_version,
    error_kind::invalid,
    error_kind::unauthorized,
    error_kind::forbidden,
    error_kind::namespace_ends,
    error_kind::throttled,
    error_kind::unavailable,
    error_kind::transport,
};

// Largest random number: waits are whole steps.
struct watch_machine_test : testing::Test {
    watch_machine machine;
    time_point now{1h};
    std::uint32_t random = UINT32_MAX;

    watch_step listed(std::string version) {
        return machine.on_listed(std::move(version), now, random);
    }
    watch_step list_failed(const error& why) { return machine.on_list_failed(why, now, random); }
    watch_step stream_failed(const error& why) { return machine.on_stream_end(&why, now, random); }
    watch_step stream_ended() { return machine.on_stream_end(nullptr, now, random); }

    // The step after the waiting that `step` asks for.
    watch_step after(const watch_step& step) {
        const auto* wait = std::get_if<wait_action>(&step);
        EXPECT_NE(wait, nullptr) << describe(step);
        if (wait == nullptr) return step;
        now += wait->delay;
        return machine.on_waited(now, random);
    }
    milliseconds delay(const watch_step& step) {
        const auto* wait = std::get_if<wait_action>(&step);
        EXPECT_NE(wait, nullptr) << describe(step);
        return wait == nullptr ? milliseconds{-1} : wait->delay;
    }
    void expect_watch(const watch_step& step, const std::string& version) {
        EXPECT_EQ(describe(step), describe(watch_action{version, {}, {}}));
    }
    void expect_list(const watch_step& step, const std::string& version, std::size_t limit) {
        EXPECT_EQ(describe(step), describe(list_action{version, limit}));
    }
    // A watch from version 10.
    void watching() {
        machine.start();
        expect_watch(listed("10"), "10");
    }
};

TEST_F(watch_machine_test, first_list_takes_any_version_by_pages) {
    expect_list(machine.start(), "0", 500);
}

TEST_F(watch_machine_test, list_that_fails_at_first_is_tried_again_as_it_was) {
    machine.start();
    expect_list(after(list_failed(of(error_kind::transport))), "0", 500);
}

TEST_F(watch_machine_test, watch_begins_at_the_version_of_the_list) {
    machine.start();
    expect_watch(listed("123"), "123");
}

TEST_F(watch_machine_test, timeout_is_drawn_between_240_and_295_seconds) {
    std::set<long long> seen;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        watch_machine m;
        m.start();
        const auto step = m.on_listed("1", now, i * 4'294'967u);
        const auto& watch = std::get<watch_action>(step);
        const auto timeout = watch.timeout;
        EXPECT_EQ(watch.idle, timeout + 5s);
        EXPECT_GE(timeout, 240s);
        EXPECT_LE(timeout, 295s);
        seen.insert(timeout.count());
    }
    EXPECT_EQ(seen.size(), 56u);
}

TEST_F(watch_machine_test, clean_end_watches_on_at_once_from_the_last_event) {
    watching();
    machine.on_event("ADDED", "11");
    machine.on_event("MODIFIED", "12");
    expect_watch(stream_ended(), "12");
}

TEST_F(watch_machine_test, clean_end_of_a_quiet_watch_is_no_failure) {
    watching();
    now += 1s;
    expect_watch(stream_ended(), "10");
}

TEST_F(watch_machine_test, very_short_watch_backs_off) {
    watching();
    now += 999ms;
    const auto step = stream_ended();
    EXPECT_EQ(delay(step), 800ms);
    expect_watch(after(step), "10");
}

TEST_F(watch_machine_test, very_short_watches_for_a_minute_cost_a_list) {
    watching();
    for (const auto until = now + 59s; now < until;) {
        auto step = after(stream_ended());
        if (now < until) expect_watch(step, "10");
    }
    now += 2s;
    expect_watch(machine.on_waited(now, random), "10");
    expect_list(after(stream_ended()), "10", 0);
}

TEST_F(watch_machine_test, events_have_verdicts) {
    watching();
    EXPECT_EQ(machine.on_event("ADDED", "11"), event_verdict::changed);
    EXPECT_EQ(machine.on_event("MODIFIED", "12"), event_verdict::changed);
    EXPECT_EQ(machine.on_event("DELETED", "13"), event_verdict::removed);
    EXPECT_EQ(machine.on_event("BOOKMARK", "14"), event_verdict::ignored);
    EXPECT_EQ(machine.on_event("SOMETHING", "15"), event_verdict::ignored);
    EXPECT_EQ(machine.on_event("ERROR", "", of(error_kind::expired)), event_verdict::ends);
}

TEST_F(watch_machine_test, deleted_and_bookmarks_carry_the_version_on) {
    watching();
    machine.on_event("DELETED", "11");
    EXPECT_EQ(machine.resource_version(), "11");
    machine.on_event("BOOKMARK", "20");
    EXPECT_EQ(machine.resource_version(), "20");
    expect_watch(stream_ended(), "20");
}

TEST_F(watch_machine_test, unknown_events_and_events_without_a_version_do_not) {
    watching();
    machine.on_event("SOMETHING", "11");
    machine.on_event("MODIFIED", "");
    expect_watch(stream_ended(), "10");
}

TEST_F(watch_machine_test, present_objects_of_a_watch_without_version_are_in_no_order) {
    machine.start();
    expect_watch(listed(""), "");
    machine.on_event("ADDED", "30");
    machine.on_event("ADDED", "20");
    EXPECT_EQ(machine.resource_version(), "");
    machine.on_event("BOOKMARK", "31");
    machine.on_event("ADDED", "32");
    expect_watch(stream_ended(), "32");
}

TEST_F(watch_machine_test, expired_watch_lists_at_the_last_version_in_one_answer) {
    watching();
    machine.on_event("MODIFIED", "11");
    expect_list(after(stream_failed(of(error_kind::expired))), "11", 0);
}

TEST_F(watch_machine_test, expired_list_is_followed_at_once_by_one_of_the_latest_version) {
    watching();
    expect_list(after(stream_failed(of(error_kind::expired))), "10", 0);
    expect_list(list_failed(of(error_kind::expired)), "", 500);
    expect_watch(listed("90"), "90");
    // And the way back to the cheap list is open.
    expect_list(after(stream_failed(of(error_kind::too_large_version))), "", 500);
    expect_watch(listed("91"), "91");
    machine.on_event("BOOKMARK", "92");
    expect_list(after(stream_failed(of(error_kind::expired))), "92", 0);
}

TEST_F(watch_machine_test, watch_that_expires_again_right_after_its_list_wants_the_latest) {
    watching();
    expect_list(after(stream_failed(of(error_kind::expired))), "10", 0);
    expect_watch(listed("10"), "10");
    expect_list(after(stream_failed(of(error_kind::expired))), "", 500);
}

TEST_F(watch_machine_test, pages_that_expire_are_followed_by_all_in_one_answer) {
    machine.start();
    expect_list(list_failed(of(error_kind::expired)), "", 0);
    expect_watch(listed("5"), "5");
}

TEST_F(watch_machine_test, pages_of_the_latest_version_that_expire_too) {
    watching();
    after(stream_failed(of(error_kind::too_large_version)));
    expect_list(list_failed(of(error_kind::expired)), "", 0);
    // Nothing is left to try at once.
    expect_list(after(list_failed(of(error_kind::expired))), "", 0);
    // What is too much for one answer goes by pages again.
    expect_list(after(list_failed(of(error_kind::unavailable))), "", 500);
}

TEST_F(watch_machine_test, too_large_version_lists_the_latest_at_once) {
    watching();
    after(stream_failed(of(error_kind::expired)));
    expect_list(list_failed(of(error_kind::too_large_version)), "", 500);
}

TEST_F(watch_machine_test, error_event_decides_not_the_way_the_stream_ended) {
    watching();
    machine.on_event("ERROR", "", of(error_kind::expired));
    expect_list(after(stream_ended()), "10", 0);
    listed("11");
    machine.on_event("ERROR", "", of(error_kind::unavailable));
    expect_watch(after(stream_failed(of(error_kind::expired))), "11");
}

TEST_F(watch_machine_test, error_event_that_says_nothing_watches_on) {
    watching();
    machine.on_event("ERROR", "");
    expect_watch(after(stream_ended()), "10");
}

TEST_F(watch_machine_test, internal_errors_watch_on_and_after_a_minute_list) {
    watching();
    expect_watch(after(stream_failed(of(error_kind::unavailable))), "10");
    now += 60s;
    // That watch held for a minute: the count starts here.
    const auto first = now;
    auto step = after(stream_failed(of(error_kind::unavailable)));
    auto last = first;
    while (!std::holds_alternative<list_action>(step) && now < first + 5min) {
        expect_watch(step, "10");
        last = now;
        step = after(stream_failed(of(error_kind::unavailable)));
    }
    expect_list(step, "10", 0);
    EXPECT_GE(last - first, 60s);
    EXPECT_LE(last - first, 90s);
}

TEST_F(watch_machine_test, losing_the_server_never_costs_a_list) {
    for (const auto kind : {error_kind::transport, error_kind::throttled}) {
        machine = watch_machine{};
        watching();
        for (int i = 0; i < 200; ++i) expect_watch(after(stream_failed(of(kind))), "10");
    }
}

TEST_F(watch_machine_test, forbidden_is_tried_for_ever) {
    machine.start();
    for (int i = 0; i < 200; ++i) {
        expect_list(after(list_failed(of(error_kind::forbidden))), "0", 500);
    }
    expect_watch(listed("1"), "1");
    for (int i = 0; i < 200; ++i) {
        auto step = after(stream_failed(of(error_kind::forbidden)));
        if (std::holds_alternative<list_action>(step)) step = listed("1");
        expect_watch(step, "1");
    }
}

TEST_F(watch_machine_test, waits_double_to_30_seconds) {
    machine.start();
    const auto failure = of(error_kind::transport);
    for (const auto expected :
         {800ms, 1600ms, 3200ms, 6400ms, 12800ms, 25600ms, 30000ms, 30000ms}) {
        const auto step = list_failed(failure);
        EXPECT_EQ(delay(step), expected);
        after(step);
    }
}

TEST_F(watch_machine_test, waits_are_jittered_down_to_half) {
    machine.start();
    random = 0;
    EXPECT_EQ(delay(list_failed(of(error_kind::transport))), 400ms);
    EXPECT_EQ(delay(list_failed(of(error_kind::transport))), 800ms);
}

TEST_F(watch_machine_test, two_calm_minutes_reset_the_waits) {
    watching();
    after(stream_failed(of(error_kind::transport)));
    now += 120s;
    auto step = stream_failed(of(error_kind::transport));
    EXPECT_EQ(delay(step), 1600ms);
    after(step);
    now += 120s + 1ms;
    EXPECT_EQ(delay(stream_failed(of(error_kind::transport))), 800ms);
}

TEST_F(watch_machine_test, success_alone_does_not_reset_the_waits) {
    watching();
    EXPECT_EQ(delay(stream_failed(of(error_kind::expired))), 800ms);
    machine.on_waited(now, random);
    listed("11");
    EXPECT_EQ(delay(stream_failed(of(error_kind::expired))), 1600ms);
}

TEST_F(watch_machine_test, retry_after_is_honoured_within_reason) {
    watching();
    EXPECT_EQ(delay(stream_failed(of(error_kind::throttled, 7s))), 7s);
    EXPECT_EQ(delay(stream_failed(of(error_kind::throttled, 1ms))), 1600ms);
    EXPECT_EQ(delay(stream_failed(of(error_kind::unavailable, 48h))), 300s);
}

TEST_F(watch_machine_test, stopped_client_ends_it) {
    machine.start();
    EXPECT_EQ(list_failed(of(error_kind::stopped)), watch_step(end_action{}));
    EXPECT_EQ(machine.on_waited(now, random), watch_step(end_action{}));
    machine = watch_machine{};
    watching();
    EXPECT_EQ(stream_failed(of(error_kind::stopped)), watch_step(end_action{}));
}

// Fails at the n-th input with every kind of error, then lets everything succeed: whatever the
// place, the watch stands again soon, from a version not older than any it had seen.
TEST_F(watch_machine_test, failure_at_each_step_is_overcome) {
    for (const auto kind : every_kind) {
        for (int failing = 0; failing < 8; ++failing) {
            for (int repeated = 1; repeated <= 3; ++repeated) {
                SCOPED_TRACE(
                    testing::Message() << "kind " << static_cast<int>(kind) << " at " << failing
                                       << " times " << repeated
                );
                machine = watch_machine{};
                int version = 10;
                int failures = 0;
                int watches_since = 0;
                auto step = machine.start();
                for (int input = 0; input < 60 && watches_since < 2; ++input) {
                    const bool fails = input >= failing && failures < repeated;
                    if (std::holds_alternative<wait_action>(step)) {
                        step = after(step);
                        continue;
                    }
                    if (fails) ++failures;
                    if (std::holds_alternative<list_action>(step)) {
                        step = fails ? list_failed(of(kind)) : listed(std::to_string(++version));
                        continue;
                    }
                    const auto* watch = std::get_if<watch_action>(&step);
                    ASSERT_NE(watch, nullptr) << describe(step);
                    EXPECT_EQ(watch->resource_version, std::to_string(version));
                    if (fails && failures % 2 == 0) {
                        machine.on_event("ERROR", "", of(kind));
                        step = stream_ended();
                    } else if (fails) {
                        step = stream_failed(of(kind));
                    } else {
                        if (failures == repeated) ++watches_since;
                        machine.on_event("MODIFIED", std::to_string(++version));
                        now += 1min;
                        step = stream_ended();
                    }
                }
                EXPECT_EQ(watches_since, 2);
            }
        }
    }
}

}  // namespace
