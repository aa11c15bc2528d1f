// Several lease machines against one server with delays, losses and clocks that do not agree: never
// two leaders, and always one again.
#include "operator/runtime/lease_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using namespace pgw::runtime;
using pgw::base::duration;
using pgw::base::time_point;
using pgw::kube::error_kind;

constexpr time_point start = time_point{} + 1h;

// Runs what is due in the order of time.
class schedule {
public:
    void at(time_point when, std::function<void()> what) { queue_.emplace(when, std::move(what)); }
    time_point now() const { return now_; }
    bool step(time_point until) {
        if (queue_.empty() || queue_.begin()->first > until) {
            now_ = until;
            return false;
        }
        const auto first = queue_.begin();
        now_ = std::max(now_, first->first);
        const auto what = std::move(first->second);
        queue_.erase(first);
        what();
        return true;
    }

private:
    std::multimap<time_point, std::function<void()>> queue_;
    time_point now_ = start;
};

// One object under optimistic concurrency.
struct lease_server {
    std::optional<json::object> stored;
    std::int64_t version = 0;

    using answer = pgw::kube::result<json::value>;
    static answer refuse(error_kind kind) {
        pgw::kube::error error;
        error.kind = kind;
        return error;
    }
    answer handle(const lease_request& request) {
        if (request.what == lease_request::verb::get) {
            return stored ? answer(json::value(*stored)) : refuse(error_kind::not_found);
        }
        if (request.what == lease_request::verb::create) {
            if (stored) return refuse(error_kind::already_exists);
        } else {
            if (!stored) return refuse(error_kind::not_found);
            const auto& meant = request.body.at("metadata").at("resourceVersion");
            if (meant != stored->at("metadata").at("resourceVersion")) {
                return refuse(error_kind::conflict);
            }
        }
        stored = request.body;
        (*stored)["metadata"].as_object()["resourceVersion"] = std::to_string(++version);
        return json::value(*stored);
    }
};

struct world {
    explicit world(std::uint32_t seed) : random(seed) {}

    struct candidate {
        lease_machine machine;
        duration skew;  // Of its wall clock.
        bool alive = true;
        bool cut_off = false;  // Its requests get lost.
        int led = 0;
    };

    int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); }
    lease_moment moment(const candidate& c) {
        const auto wall =
            std::chrono::sys_days{std::chrono::year(2030) / 1 / 1} +
            std::chrono::duration_cast<std::chrono::microseconds>(time.now() - start + c.skew);
        return {time.now(), wall, static_cast<std::uint32_t>(random()) << 1};
    }
    candidate& add(const std::string& name) {
        all.push_back(std::make_unique<candidate>(candidate{
            lease_machine({.ns = "ns", .name = "op", .identity = name}),
            std::chrono::hours(below(100) - 50)
        }));
        advance(*all.back());
        return *all.back();
    }
    std::size_t leaders() const {
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& c) {
            return c->alive && c->machine.state() == lease_state::leading;
        }));
    }
    candidate* leader() const {
        for (const auto& c : all) {
            if (c->alive && c->machine.state() == lease_state::leading) return c.get();
        }
        return nullptr;
    }
    void advance(candidate& c) {
        if (c.alive) proceed(c, c.machine.on_time(moment(c)));
    }
    void proceed(candidate& c, std::optional<lease_request> next) {
        EXPECT_LE(leaders(), 1U);
        if (c.machine.state() == lease_state::leading) ++c.led;
        if (next) send(c, std::move(*next));
        const auto due = c.machine.due();
        if (due != time_point::max())
            time.at(std::max(due, time.now()), [this, &c, due] {
                if (c.machine.due() == due) advance(c);
            });
    }
    void send(candidate& c, lease_request request) {
        const bool slow = below(100) < slowness;
        const auto there = std::chrono::milliseconds(below(slow ? 12'000 : 50));
        const auto back = std::chrono::milliseconds(below(slow ? 12'000 : 50));
        const int fate = c.cut_off ? -1 : below(100) - loss;
        const bool arrives = fate >= 0 || (below(2) == 0 && !c.cut_off);
        time.at(time.now() + there, [this, &c, request = std::move(request), back, fate, arrives] {
            auto result = lease_server::refuse(error_kind::transport);
            if (arrives) {
                const auto before = server.version;
                result = server.handle(request);
                if (server.version != before) show();
            }
            if (fate < 0) result = lease_server::refuse(error_kind::transport);
            time.at(time.now() + back, [this, &c, number = request.number, result] {
                if (c.alive) proceed(c, c.machine.on_reply(number, result, moment(c)));
            });
        });
    }
    // What the watches deliver, each in its own time.
    void show() {
        for (const auto& c : all) {
            if (!watching || c->cut_off) continue;
            time.at(
                time.now() + std::chrono::milliseconds(below(100)),
                [this, c = c.get(), lease = *server.stored] {
                    if (!c->alive) return;
                    c->machine.on_observed(lease, moment(*c));
                    proceed(*c, std::nullopt);
                }
            );
        }
    }
    void run_for(duration d) {
        const auto until = time.now() + d;
        while (time.step(until)) {
            if (testing::Test::HasFailure()) return;
        }
    }
    bool run_until_led(duration most) {
        const auto until = time.now() + most;
        while (leader() == nullptr && time.step(until)) {
        }
        return leader() != nullptr;
    }

    std::minstd_rand random;
    schedule time;
    lease_server server;
    std::vector<std::unique_ptr<candidate>> all;
    int loss = 0;      // So many of a hundred requests fail,
    int slowness = 0;  // and so many take seconds.
    bool watching = true;
};

class lease_race : public testing::TestWithParam<int> {
protected:
    world w{static_cast<std::uint32_t>(GetParam())};
};

TEST_P(lease_race, never_two_lead_however_requests_fare) {
    w.loss = 10 * (GetParam() % 5);
    w.slowness = 5 * (GetParam() % 3);
    w.watching = GetParam() % 2 == 0;
    int named = 0;
    for (; named < 3; ++named) w.add("c" + std::to_string(named));
    for (int round = 0; round < 30; ++round) {
        w.run_for(std::chrono::seconds(w.below(40)));
        ASSERT_FALSE(HasFailure());
        auto& some = *w.all[static_cast<std::size_t>(w.below(static_cast<int>(w.all.size())))];
        switch (w.below(4)) {
            case 0:
                some.alive = false;  // Killed: what it sent may still arrive.
                break;
            case 1:
                some.cut_off = !some.cut_off;
                break;
            case 2:
                if (some.alive) w.proceed(some, some.machine.on_stop(w.moment(some)));
                break;
            default:
                break;
        }
        w.add("c" + std::to_string(named++));
    }
    w.loss = 0;
    w.slowness = 0;
    w.run_for(40s);
    EXPECT_TRUE(w.run_until_led(60s));
}

TEST_P(lease_race, a_leader_that_dies_is_followed_after_the_duration) {
    w.add("a");
    ASSERT_TRUE(w.run_until_led(30s));
    w.add("b");
    w.run_for(60s);
    auto* first = w.leader();
    ASSERT_NE(first, nullptr);
    first->alive = false;
    w.run_for(10s);
    EXPECT_EQ(w.leader(), nullptr);
    EXPECT_TRUE(w.run_until_led(60s));
}

TEST_P(lease_race, a_leader_that_stops_is_followed_at_once) {
    w.add("a");
    ASSERT_TRUE(w.run_until_led(30s));
    w.add("b");
    w.run_for(60s);
    auto* first = w.leader();
    ASSERT_NE(first, nullptr);
    const auto stopped = w.time.now();
    w.proceed(*first, first->machine.on_stop(w.moment(*first)));
    ASSERT_TRUE(w.run_until_led(60s));
    EXPECT_LT(w.time.now() - stopped, 1s);
}

TEST_P(lease_race, a_leader_that_is_cut_off_ends_before_another_one_begins) {
    w.add("a");
    ASSERT_TRUE(w.run_until_led(30s));
    w.add("b");
    w.run_for(60s);
    auto* first = w.leader();
    ASSERT_NE(first, nullptr);
    first->cut_off = true;
    w.run_for(12s);
    EXPECT_EQ(first->machine.state(), lease_state::lost);
    EXPECT_TRUE(w.run_until_led(60s));
}

INSTANTIATE_TEST_SUITE_P(seeds, lease_race, testing::Range(1, 31));

}  // namespace
