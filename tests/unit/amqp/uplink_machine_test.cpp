// Failover, backoff and close in virtual time.
#include "worker/amqp/uplink_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pgw::amqp {
namespace {

using action = uplink_action;
using phase = uplink_phase;

/// How an attempt at an endpoint goes.
enum class fate : std::uint8_t {
    no_socket,       // name, TCP
    no_open,         // TLS or SASL fails, or the peer closes instead of opening
    silent,          // the open never comes
    closes_at_once,  // opens, then ends
    refuses_links,   // opens, takes no link
    serves,
};

constexpr fate failures[] = {
    fate::no_socket, fate::no_open, fate::silent, fate::closes_at_once, fate::refuses_links
};

/// Endpoints that behave as told, and the time.
class uplink_machine_test : public testing::Test {
protected:
    void build(std::vector<fate> fates) {
        world = std::move(fates);
        uplink_machine_options options;
        options.endpoints = world.size();
        machine.emplace(options);
        attempts.clear();
    }
    uplink_moment at() { return {now, 0x80000000u, secrets}; }

    /// Plays what the shell and the endpoint do in answer.
    void play(action next) {
        while (next == action::connect || next == action::drop) {
            if (next == action::drop) {
                next = machine->on_gone(false, at());
                continue;
            }
            const auto which = machine->endpoint();
            attempts.push_back({which, now});
            const auto how = world[which];
            next = machine->on_socket(how != fate::no_socket, at());
            if (how == fate::no_socket || how == fate::silent) continue;
            if (how == fate::no_open) {
                next = machine->on_gone(unauthorized, at());
                continue;
            }
            next = machine->on_open(at());
            if (how == fate::closes_at_once) next = machine->on_gone(false, at());
            if (how == fate::refuses_links) next = machine->on_links_failed();
            if (how == fate::serves && accepts) machine->on_accepted();
        }
        last = next;
    }
    void run_for(base::milliseconds time) {
        const auto end = now + time;
        while (machine->due() <= end) {
            now = std::max(now, machine->due());
            play(machine->on_timer(at()));
        }
        now = end;
    }
    std::string tried() const {
        std::string all;
        for (const auto& a : attempts) all += static_cast<char>('A' + a.endpoint);
        return all;
    }

    struct attempt {
        std::size_t endpoint;
        base::time_point when;
    };
    base::time_point now{std::chrono::hours(1)};
    bool secrets = true;
    bool unauthorized = false;
    bool accepts = true;
    std::vector<fate> world;
    std::vector<attempt> attempts;
    action last = action::none;
    std::optional<uplink_machine> machine;
};

TEST_F(uplink_machine_test, fails_at_each_step_and_goes_to_the_next_endpoint) {
    for (const auto how : failures) {
        for (std::size_t good = 1; good < 4; ++good) {
            SCOPED_TRACE(static_cast<int>(how));
            std::vector<fate> fates(good, how);
            fates.push_back(fate::serves);
            build(fates);
            run_for(base::seconds(61));  // a silent endpoint takes its whole timeout
            EXPECT_EQ(tried(), std::string("ABCD").substr(0, good + 1));
            EXPECT_EQ(machine->phase(), phase::proven);
        }
    }
}

TEST_F(uplink_machine_test, a_single_endpoint_is_kept_when_links_fail) {
    build({fate::refuses_links});
    run_for(base::seconds(5));
    EXPECT_EQ(tried(), "A");
    EXPECT_EQ(machine->phase(), phase::open);
}

TEST_F(uplink_machine_test, after_a_loss_begins_with_the_endpoint_that_served) {
    build({fate::no_socket, fate::serves, fate::no_socket});
    run_for(base::seconds(1));
    ASSERT_EQ(tried(), "AB");
    play(machine->on_gone(false, at()));
    EXPECT_EQ(machine->phase(), phase::waiting) << "a pause, so that not all come back at once";
    run_for(base::seconds(1));
    EXPECT_EQ(tried(), "ABB");
    // And the others when that one does not come back.
    world = {fate::serves, fate::no_socket, fate::no_socket};
    play(machine->on_gone(false, at()));
    run_for(base::seconds(1));
    EXPECT_EQ(tried(), "ABBBCA");
}

TEST_F(uplink_machine_test, an_open_alone_makes_no_endpoint_good) {
    build({fate::closes_at_once, fate::serves});
    accepts = false;
    run_for(base::seconds(1));
    ASSERT_EQ(tried(), "AB");
    EXPECT_EQ(machine->phase(), phase::open);
    play(machine->on_gone(false, at()));
    EXPECT_EQ(machine->phase(), phase::waiting);
    run_for(base::seconds(1));
    EXPECT_EQ(tried(), "ABAB");
    run_for(base::seconds(11));
    EXPECT_EQ(machine->phase(), phase::proven) << "it lasted";
    play(machine->on_gone(false, at()));
    run_for(base::seconds(1));
    EXPECT_EQ(tried(), "ABABB");
}

TEST_F(uplink_machine_test, the_pause_doubles_to_its_maximum_and_starts_over_after_a_success) {
    for (const auto how : failures) {
        SCOPED_TRACE(static_cast<int>(how));
        if (how == fate::refuses_links) continue;
        build({how});
        run_for(base::seconds(240));
        ASSERT_GE(attempts.size(), 12u);
        const auto pause = [&](std::size_t i) {
            auto time = attempts[i + 1].when - attempts[i].when;
            if (how == fate::silent) time -= base::seconds(10);
            return std::chrono::duration_cast<base::milliseconds>(time).count();
        };
        EXPECT_LE(pause(0), 100);
        for (std::size_t i = 1; i + 1 < attempts.size(); ++i) {
            EXPECT_GE(pause(i), pause(i - 1));
            EXPECT_LE(pause(i), 10'000);
        }
        EXPECT_GE(pause(attempts.size() - 2), 5'000);
        world = {fate::serves};
        run_for(base::seconds(21));  // a silent one has its timeout before the pause
        ASSERT_EQ(machine->phase(), phase::proven);
        play(machine->on_gone(false, at()));
        EXPECT_LE(machine->due() - now, base::milliseconds(100));
    }
}

TEST_F(uplink_machine_test, a_pause_is_cut_short_for_who_waits_but_not_without_bound) {
    build({fate::no_socket});
    run_for(base::seconds(60));
    const auto before = attempts.size();
    for (int i = 0; i < 1000; ++i) {
        machine->on_wanted(at());
        run_for(base::milliseconds(10));
    }
    const auto in_ten_seconds = attempts.size() - before;
    EXPECT_GE(in_ten_seconds, 9u);
    EXPECT_LE(in_ten_seconds, 21u);
    // The broker is back: who comes now need not wait for the rest of the pause.
    world = {fate::serves};
    machine->on_wanted(at());
    run_for(base::seconds(1));
    EXPECT_EQ(machine->phase(), phase::proven);
}

TEST_F(uplink_machine_test, refused_credentials_are_not_offered_sooner_because_someone_waits) {
    build({fate::no_open});
    unauthorized = true;
    run_for(base::seconds(60));
    const auto before = attempts.size();
    for (int i = 0; i < 1000; ++i) {
        machine->on_wanted(at());
        run_for(base::milliseconds(10));
    }
    EXPECT_LE(attempts.size() - before, 2u);
}

TEST_F(uplink_machine_test, waits_for_its_secrets) {
    build({fate::serves});
    secrets = false;
    run_for(base::seconds(5));
    EXPECT_EQ(machine->phase(), phase::held);
    EXPECT_EQ(tried(), "");
    secrets = true;
    run_for(base::seconds(1));
    EXPECT_EQ(tried(), "A");
}

TEST_F(uplink_machine_test, an_endpoint_that_became_a_standby_is_left) {
    build({fate::serves, fate::serves});
    run_for(base::seconds(20));
    ASSERT_EQ(tried(), "A");
    world[0] = fate::refuses_links;
    play(machine->on_links_failed());
    run_for(base::seconds(1));
    EXPECT_EQ(tried(), "AB");
    EXPECT_EQ(machine->phase(), phase::proven);
}

TEST_F(uplink_machine_test, closes_from_every_phase) {
    const auto to = [&](phase wanted) {
        build({fate::serves});
        if (wanted == phase::idle) return;
        secrets = wanted != phase::held;
        now += base::seconds(1);
        auto next = machine->on_timer(at());
        secrets = true;
        if (wanted == phase::held || wanted == phase::connecting) return;
        next = machine->on_socket(wanted != phase::waiting, at());
        if (wanted == phase::opening || wanted == phase::waiting) return;
        if (wanted == phase::dropping) {
            now += base::seconds(10);
            machine->on_timer(at());
            return;
        }
        machine->on_open(at());
        if (wanted == phase::proven) machine->on_accepted();
        (void)next;
    };
    struct row {
        phase from;
        action expected;
        phase after;
    };
    const row rows[] = {
        {phase::idle, action::none, phase::closed},
        {phase::held, action::none, phase::closed},
        {phase::waiting, action::none, phase::closed},
        {phase::connecting, action::cancel, phase::closed},
        {phase::opening, action::drop, phase::closing},
        {phase::dropping, action::drop, phase::closing},
        {phase::open, action::close, phase::closing},
        {phase::proven, action::close, phase::closing},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(static_cast<int>(row.from));
        to(row.from);
        ASSERT_EQ(machine->phase(), row.from);
        EXPECT_EQ(machine->on_close(at()), row.expected);
        EXPECT_EQ(machine->phase(), row.after);
        if (row.expected == action::close) {
            now += base::seconds(2);
            EXPECT_EQ(machine->on_timer(at()), action::drop) << "bounded";
        }
        if (row.after == phase::closing) machine->on_gone(false, at());
        EXPECT_EQ(machine->phase(), phase::closed);
        EXPECT_EQ(machine->due(), base::time_point::max());
        EXPECT_EQ(machine->on_close(at()), action::none);
        EXPECT_EQ(machine->on_timer(at()), action::none);
    }
}

/// Whatever is called in whatever phase: it never stands still without a deadline or an event to
/// come, and never asks for what the shell cannot do.
TEST_F(uplink_machine_test, no_order_of_inputs_leaves_it_stuck) {
    std::uint32_t seed = 1;
    const auto dice = [&](std::uint32_t sides) {
        seed = seed * 1664525u + 1013904223u;
        return (seed >> 16) % sides;
    };
    for (int run = 0; run < 500; ++run) {
        build(std::vector<fate>(1 + dice(3), fate::serves));
        for (int step = 0; step < 200; ++step) {
            now += base::milliseconds(dice(3000));
            secrets = dice(8) != 0;
            switch (dice(7)) {
                case 0:
                    machine->on_timer(at());
                    break;
                case 1:
                    machine->on_socket(dice(2) == 0, at());
                    break;
                case 2:
                    machine->on_open(at());
                    break;
                case 3:
                    machine->on_accepted();
                    break;
                case 4:
                    machine->on_links_failed();
                    break;
                case 5:
                    machine->on_gone(dice(4) == 0, at());
                    break;
                default:
                    machine->on_wanted(at());
                    break;
            }
            const bool waits_for_event = machine->phase() == phase::connecting ||
                                         machine->phase() == phase::dropping ||
                                         machine->phase() == phase::proven;
            EXPECT_EQ(waits_for_event, machine->due() == base::time_point::max());
            EXPECT_LT(machine->endpoint(), world.size());
        }
    }
}

}  // namespace
}  // namespace pgw::amqp
