// The controller on an io_context: what runs when, and what its metrics say.
#include "operator/runtime/controller.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace pgw::runtime;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto patience = 10s;

// Reconciles that wait until the test lets them end, each with the result the test wants.
struct controller_test : testing::Test {
    asio::io_context io{1};
    std::vector<std::string> lines;
    pgw::base::logger log{std::make_shared<pgw::base::log_sink>(
        pgw::base::log_level::debug,
        pgw::base::log_format::json,
        [this](std::string_view line) { lines.emplace_back(line); }
    )};
    std::vector<std::string> begun;
    std::multiset<std::string> running;
    std::size_t most_running = 0;
    std::map<std::string, std::vector<reconcile_result>> results;  // The next is first; none: done.
    std::set<std::string> throwing;
    bool held = false;
    asio::steady_timer gate{io, pgw::base::time_point::max()};
    pgw::base::metrics_registry registry;
    std::unique_ptr<controller> tested;

    void make(std::size_t max_concurrent = 8, bool start = true) {
        tested = std::make_unique<controller>(
            io,
            controller_options{.name = "things", .max_concurrent = max_concurrent, .queue = {}},
            [this](std::string key) { return reconcile(std::move(key)); },
            log
        );
        tested->register_metrics(registry);
        if (start) tested->start();
    }
    asio::awaitable<reconcile_result> reconcile(std::string key) {
        begun.push_back(key);
        EXPECT_FALSE(running.contains(key)) << key << " twice at once";
        running.insert(key);
        most_running = std::max(most_running, running.size());
        boost::system::error_code ignored;
        while (held) {
            co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        running.erase(running.find(key));
        if (throwing.erase(key) > 0) throw std::runtime_error("thrown");
        reconcile_result result;
        auto& wanted = results[key];
        if (!wanted.empty()) {
            result = wanted.front();
            wanted.erase(wanted.begin());
        }
        co_return result;
    }
    void hold() { held = true; }
    void release() {
        held = false;
        gate.cancel();
    }
    template <class Predicate>
    bool run_until(Predicate predicate) {
        const auto end = pgw::base::clock::now() + patience;
        io.restart();
        while (!predicate()) {
            if (pgw::base::clock::now() > end) return false;
            io.run_one_until(end);
            io.restart();
        }
        return true;
    }
    bool run_until_begun(std::size_t count) {
        return run_until([&] { return begun.size() >= count; });
    }
    bool run_until_idle() {
        return run_until([&] { return tested->idle(); });
    }
    void add(const std::string& key) { tested->add(key, priority::normal); }
};

TEST_F(controller_test, keys_only_gather_before_the_start) {
    make(8, false);
    add("a");
    tested->add("b", priority::low);
    add("c");
    io.poll();
    EXPECT_THAT(begun, ElementsAre());
    EXPECT_FALSE(tested->idle());
    tested->start();
    ASSERT_TRUE(run_until_idle());
    EXPECT_THAT(begun, ElementsAre("a", "c", "b"));
}

TEST_F(controller_test, as_many_run_at_once_as_allowed) {
    make(3);
    hold();
    for (const auto* key : {"a", "b", "c", "d", "e"}) add(key);
    ASSERT_TRUE(run_until_begun(3));
    io.poll();
    EXPECT_THAT(begun, ElementsAre("a", "b", "c"));
    EXPECT_THAT(
        registry.text(), HasSubstr("controller_runtime_active_workers{controller=\"things\"} 3\n")
    );
    EXPECT_THAT(registry.text(), HasSubstr("workqueue_depth{name=\"things\"} 2\n"));
    release();
    ASSERT_TRUE(run_until_idle());
    EXPECT_EQ(begun.size(), 5U);
    EXPECT_EQ(most_running, 3U);
}

TEST_F(controller_test, what_is_added_while_the_key_is_processed_is_reconciled_afterwards_once) {
    make();
    hold();
    add("a");
    ASSERT_TRUE(run_until_begun(1));
    add("a");
    add("a");
    io.poll();
    EXPECT_THAT(begun, ElementsAre("a"));
    release();
    ASSERT_TRUE(run_until_idle());
    EXPECT_THAT(begun, ElementsAre("a", "a"));
}

TEST_F(controller_test, requeue_after_comes_back_not_before_its_time) {
    make();
    results["a"] = {requeue_after{50ms}};
    add("a");
    const auto start = pgw::base::clock::now();
    ASSERT_TRUE(run_until_begun(2));
    EXPECT_GE(pgw::base::clock::now() - start, 50ms);
    ASSERT_TRUE(run_until_idle());
    EXPECT_THAT(
        registry.text(),
        HasSubstr(
            "controller_runtime_reconcile_total{controller=\"things\",result=\"requeue_after\"} 1\n"
        )
    );
    EXPECT_THAT(
        registry.text(),
        HasSubstr("controller_runtime_reconcile_total{controller=\"things\",result=\"success\"} 1\n"
        )
    );
    EXPECT_THAT(registry.text(), HasSubstr("workqueue_retries_total{name=\"things\"} 0\n"));
}

TEST_F(controller_test, an_add_overtakes_requeue_after) {
    make();
    results["a"] = {requeue_after{1h}};
    add("a");
    ASSERT_TRUE(run_until_begun(1));
    ASSERT_TRUE(run_until_idle());
    add("a");
    ASSERT_TRUE(run_until_begun(2));
}

TEST_F(controller_test, add_after_waits) {
    make();
    tested->add_after("a", 30ms);
    const auto start = pgw::base::clock::now();
    ASSERT_TRUE(run_until_begun(1));
    EXPECT_GE(pgw::base::clock::now() - start, 30ms);
}

TEST_F(controller_test, a_removed_key_does_not_come_back) {
    make();
    tested->add_after("a", 1ms);
    tested->add_after("b", 2ms);
    tested->remove("a");
    ASSERT_TRUE(run_until_begun(1));
    EXPECT_THAT(begun, ElementsAre("b"));
}

TEST_F(controller_test, a_retryable_error_is_logged_and_tried_again_with_backoff) {
    make();
    results["a"] = {retryable_error{"first"}, retryable_error{"second"}};
    add("a");
    const auto start = pgw::base::clock::now();
    ASSERT_TRUE(run_until_begun(3));
    ASSERT_TRUE(run_until_idle());
    EXPECT_GE(pgw::base::clock::now() - start, 7ms);  // The halves of 5 and 10 ms.
    EXPECT_THAT(
        lines,
        ElementsAre(
            AllOf(HasSubstr("\"warn\""), HasSubstr("\"object\":\"a\""), HasSubstr("first")),
            HasSubstr("second")
        )
    );
    EXPECT_THAT(
        registry.text(),
        HasSubstr("controller_runtime_reconcile_errors_total{controller=\"things\"} 2\n")
    );
    EXPECT_THAT(registry.text(), HasSubstr("workqueue_retries_total{name=\"things\"} 2\n"));
}

TEST_F(controller_test, a_terminal_error_is_counted_and_not_tried_again) {
    make();
    results["a"] = {terminal_error{"hopeless"}};
    add("a");
    tested->add_after("b", 30ms);
    ASSERT_TRUE(run_until_begun(2));
    EXPECT_THAT(begun, ElementsAre("a", "b"));
    EXPECT_THAT(lines, ElementsAre(HasSubstr("hopeless")));
    EXPECT_THAT(
        registry.text(),
        HasSubstr("controller_runtime_terminal_reconcile_errors_total{controller=\"things\"} 1\n")
    );
    add("a");
    ASSERT_TRUE(run_until_begun(3));
}

TEST_F(controller_test, a_reconcile_that_throws_is_logged_counted_and_tried_again) {
    make();
    throwing = {"a"};
    add("a");
    ASSERT_TRUE(run_until_begun(2));
    ASSERT_TRUE(run_until_idle());
    EXPECT_THAT(lines, ElementsAre(HasSubstr("thrown")));
    EXPECT_THAT(
        registry.text(),
        HasSubstr("controller_runtime_reconcile_panics_total{controller=\"things\"} 1\n")
    );
}

TEST_F(controller_test, also_what_is_no_coroutine_may_throw) {
    bool thrown = false;
    bool again = false;
    controller other(
        io,
        {.name = "other", .max_concurrent = 1, .queue = {}},
        [&](const std::string& key) {
            if (std::exchange(thrown, true)) again = true;
            if (!again) throw 42;
            return reconcile(key);
        },
        log
    );
    other.start();
    other.add("a", priority::normal);
    ASSERT_TRUE(run_until([&] { return again; }));
    EXPECT_THAT(lines, ElementsAre(HasSubstr("not a std::exception")));
}

TEST_F(controller_test, stop_waits_for_what_runs_and_takes_no_more) {
    make(2);
    hold();
    for (const auto* key : {"a", "b", "c"}) add(key);
    ASSERT_TRUE(run_until_begun(2));
    bool finished = false;
    tested->stop([&] { finished = true; });
    add("d");
    io.poll();
    EXPECT_FALSE(finished);
    release();
    ASSERT_TRUE(run_until([&] { return finished; }));
    EXPECT_TRUE(running.empty());
    io.restart();
    io.poll();
    EXPECT_THAT(begun, ElementsAre("a", "b"));
}

TEST_F(controller_test, stop_of_an_idle_controller_finishes_in_a_later_turn) {
    make(2, false);
    bool finished = false;
    tested->stop([&] { finished = true; });
    EXPECT_FALSE(finished);
    ASSERT_TRUE(run_until([&] { return finished; }));
}

TEST_F(controller_test, it_may_be_destroyed_while_a_reconcile_is_suspended) {
    make();
    hold();
    add("a");
    ASSERT_TRUE(run_until_begun(1));
    tested.reset();
    release();
    io.restart();
    io.poll();
    EXPECT_TRUE(running.empty());
}

TEST_F(controller_test, all_series_exist_from_the_start) {
    make();
    const auto text = registry.text();
    for (const auto* result : {"success", "error", "requeue", "requeue_after"}) {
        EXPECT_THAT(text, HasSubstr("result=\"" + std::string(result) + "\"} 0\n"));
    }
    EXPECT_THAT(
        text, HasSubstr("controller_runtime_max_concurrent_reconciles{controller=\"things\"} 8\n")
    );
    EXPECT_THAT(text, HasSubstr("workqueue_unfinished_work_seconds{name=\"things\"} 0\n"));
}

}  // namespace
