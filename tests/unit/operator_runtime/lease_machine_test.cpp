// The lease machine, one candidate: what it asks for, step by step, and what each failure does.
#include "operator/runtime/lease_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using namespace pgw::runtime;
using pgw::base::time_point;
using pgw::kube::error_kind;
using verb = lease_request::verb;

using answer = pgw::kube::result<json::value>;

answer failure(error_kind kind) {
    pgw::kube::error error;
    error.kind = kind;
    return error;
}

std::string text(const json::object& lease, std::string_view field) {
    return std::string(lease.at("spec").as_object().at(field).as_string());
}
std::int64_t number(const json::object& lease, std::string_view field) {
    return lease.at("spec").as_object().at(field).to_number<std::int64_t>();
}

json::object lease_of(const std::string& holder, int seconds = 15, int beat = 0) {
    return {
        {"apiVersion", "coordination.k8s.io/v1"},
        {"kind", "Lease"},
        {"metadata", {{"name", "op"}, {"namespace", "ns"}, {"resourceVersion", "7"}}},
        {"spec",
         {{"holderIdentity", holder},
          {"leaseDurationSeconds", seconds},
          {"acquireTime", "2000-01-01T00:00:00.000000Z"},
          {"renewTime", "2000-01-01T00:00:00.00000" + std::to_string(beat) + "Z"},
          {"leaseTransitions", 4},
          {"strategy", "OldestEmulationVersion"}}}
    };
}

struct lease_machine_test : testing::Test {
    lease_machine machine{{.ns = "ns", .name = "op", .identity = "me"}};
    const time_point start = time_point{} + 1h;
    time_point now = start;
    std::uint32_t random = 0;
    std::optional<lease_request> asked;

    lease_moment at() const {
        return {now, std::chrono::sys_days{std::chrono::January / 2 / 2030} + 3h + 7us, random};
    }
    void tick() { asked = machine.on_time(at()); }
    void tick_at(time_point when) {
        now = when;
        tick();
    }
    void reply(const answer& what) {
        ASSERT_TRUE(asked);
        asked = machine.on_reply(asked->number, what, at());
    }
    void fail(error_kind kind) { reply(failure(kind)); }
    bool asks(verb what) const { return asked && asked->what == what; }
    // The server stored what was asked for.
    void accept() {
        ASSERT_TRUE(asked);
        reply(answer(json::value(asked->body)));
    }
    void lead() {
        tick();
        reply(answer(lease_of("")));
        accept();
        ASSERT_EQ(machine.state(), lease_state::leading);
    }
    void stand_by(const std::string& holder = "other") {
        tick();
        reply(answer(lease_of(holder)));
        ASSERT_EQ(machine.state(), lease_state::standby);
    }
};

TEST_F(lease_machine_test, creates_the_lease_where_there_is_none) {
    tick();
    ASSERT_TRUE(asks(verb::get));
    fail(error_kind::not_found);
    ASSERT_TRUE(asks(verb::create));
    EXPECT_EQ(json::value(asked->body), json::parse(R"({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "op", "namespace": "ns"},
            "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15, "leaseTransitions": 0,
                     "acquireTime": "2030-01-02T03:00:00.000007Z",
                     "renewTime": "2030-01-02T03:00:00.000007Z"}})"));
    accept();
    EXPECT_EQ(machine.state(), lease_state::leading);
    EXPECT_EQ(machine.holder(), "me");
    EXPECT_EQ(machine.due(), now + 2s);
}

TEST_F(lease_machine_test, takes_a_released_lease_and_keeps_unknown_fields) {
    tick();
    reply(answer(lease_of("", 1)));
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(text(asked->body, "holderIdentity"), "me");
    EXPECT_EQ(number(asked->body, "leaseDurationSeconds"), 15);
    EXPECT_EQ(number(asked->body, "leaseTransitions"), 5);
    EXPECT_EQ(text(asked->body, "strategy"), "OldestEmulationVersion");
    EXPECT_EQ(asked->body.at("metadata").at("resourceVersion").as_string(), "7");
}

TEST_F(lease_machine_test, takes_over_only_after_a_full_duration_without_a_change_seen) {
    random = UINT32_MAX;
    stand_by();
    EXPECT_GE(machine.due(), now + 15s);
    EXPECT_LE(machine.due(), now + 16s);
    tick_at(start + 14s);
    EXPECT_FALSE(asked);
    // A change seen late counts from when it was seen, whatever time stands in it.
    tick_at(start + 16s);
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("other", 15, 1)));
    EXPECT_FALSE(asked);
    EXPECT_GE(machine.due(), now + 15s);
    tick_at(machine.due());
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("other", 15, 1)));
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(number(asked->body, "leaseTransitions"), 5);
    accept();
    EXPECT_EQ(machine.state(), lease_state::leading);
}

TEST_F(lease_machine_test, the_duration_is_that_of_the_record) {
    tick();
    reply(answer(lease_of("other", 40)));
    EXPECT_GE(machine.due(), now + 40s);
}

TEST_F(lease_machine_test, a_record_without_duration_has_our_own) {
    tick();
    reply(answer(json::object{{"spec", {{"holderIdentity", "other"}}}}));
    EXPECT_EQ(machine.due(), now + 15s);
}

TEST_F(lease_machine_test, a_record_without_spec_is_free) {
    tick();
    reply(answer(json::object{{"metadata", {{"name", "op"}}}}));
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(number(asked->body, "leaseTransitions"), 1);
}

TEST_F(lease_machine_test, a_standby_that_sees_renewals_does_not_ask) {
    stand_by();
    for (int i = 1; i < 10; ++i) {
        now += 2s;
        machine.on_observed(lease_of("other", 15, i), at());
        EXPECT_EQ(machine.due(), now + 15s);
    }
    // The same record again is no sign of life.
    now += 2s;
    machine.on_observed(lease_of("other", 15, 9), at());
    EXPECT_EQ(machine.due(), now + 13s);
}

TEST_F(lease_machine_test, a_standby_tries_at_once_when_it_sees_the_lease_released) {
    stand_by();
    now += 1s;
    machine.on_observed(lease_of("", 1), at());
    EXPECT_EQ(machine.due(), now);
    tick();
    EXPECT_TRUE(asks(verb::get));
}

TEST_F(lease_machine_test, a_standby_tries_at_once_when_it_sees_the_lease_deleted) {
    stand_by();
    machine.on_deleted(at());
    tick();
    ASSERT_TRUE(asks(verb::get));
    fail(error_kind::not_found);
    EXPECT_TRUE(asks(verb::create));
}

TEST_F(lease_machine_test, a_release_seen_while_an_older_answer_is_under_way_is_not_missed) {
    tick();
    machine.on_observed(lease_of("", 1), at());
    reply(answer(lease_of("other")));
    EXPECT_FALSE(asked);
    tick();
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("", 1)));
    EXPECT_TRUE(asks(verb::replace));
}

TEST_F(lease_machine_test, who_loses_the_race_for_a_free_lease_stands_by) {
    tick();
    reply(answer(lease_of("")));
    ASSERT_TRUE(asks(verb::replace));
    fail(error_kind::conflict);
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("other")));
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.state(), lease_state::standby);
    EXPECT_EQ(machine.holder(), "other");
    EXPECT_EQ(machine.due(), now + 15s);
}

TEST_F(lease_machine_test, who_loses_the_race_to_create_stands_by) {
    tick();
    fail(error_kind::not_found);
    fail(error_kind::already_exists);
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("other")));
    EXPECT_EQ(machine.state(), lease_state::standby);
}

TEST_F(lease_machine_test, a_namespace_that_is_missing_is_asked_for_only_every_retry_period) {
    tick();
    fail(error_kind::not_found);
    ASSERT_TRUE(asks(verb::create));
    fail(error_kind::not_found);
    ASSERT_TRUE(asks(verb::get));
    fail(error_kind::not_found);
    ASSERT_TRUE(asks(verb::create));
    fail(error_kind::not_found);
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.due(), now + 2s);
}

TEST_F(lease_machine_test, renewing_keeps_who_and_since_when) {
    lead();
    const auto acquired = start + 2s;
    tick_at(acquired);
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(text(asked->body, "holderIdentity"), "me");
    EXPECT_EQ(text(asked->body, "acquireTime"), "2030-01-02T03:00:00.000007Z");
    EXPECT_EQ(number(asked->body, "leaseTransitions"), 5);
    accept();
    EXPECT_EQ(machine.due(), now + 2s);
}

TEST_F(lease_machine_test, a_leader_whose_record_was_edited_renews_on_the_new_version) {
    lead();
    tick_at(machine.due());
    fail(error_kind::conflict);
    ASSERT_TRUE(asks(verb::get));
    auto edited = lease_of("me");
    edited["metadata"].as_object()["labels"] = {{"a", "b"}};
    reply(answer(edited));
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(asked->body.at("metadata").at("labels").at("a").as_string(), "b");
    fail(error_kind::conflict);
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.due(), now + 2s);
    EXPECT_EQ(machine.state(), lease_state::leading);
}

TEST_F(lease_machine_test, a_leader_whose_lease_was_deleted_creates_it_again) {
    lead();
    tick_at(machine.due());
    fail(error_kind::not_found);
    ASSERT_TRUE(asks(verb::get));
    fail(error_kind::not_found);
    ASSERT_TRUE(asks(verb::create));
    accept();
    EXPECT_EQ(machine.state(), lease_state::leading);
}

TEST_F(lease_machine_test, a_leader_that_sees_another_holder_has_lost) {
    lead();
    tick_at(machine.due());
    fail(error_kind::conflict);
    reply(answer(lease_of("other")));
    EXPECT_EQ(machine.state(), lease_state::lost);
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.due(), time_point::max());
}

class lease_machine_failing : public lease_machine_test,
                              public testing::WithParamInterface<error_kind> {};

TEST_P(lease_machine_failing, a_candidate_tries_again_after_the_retry_period) {
    random = UINT32_MAX;
    for (const bool at_write : {false, true}) {
        tick_at(machine.due());
        ASSERT_TRUE(asks(verb::get));
        if (at_write) {
            reply(answer(lease_of("")));
            ASSERT_TRUE(asks(verb::replace));
        }
        fail(GetParam());
        EXPECT_FALSE(asked);
        EXPECT_EQ(machine.state(), lease_state::standby);
        EXPECT_GE(machine.due(), now + 2s);
        EXPECT_LE(machine.due(), now + 2'400ms);
    }
}

TEST_P(lease_machine_failing, a_leader_is_lost_at_the_deadline_and_not_before) {
    lead();
    const auto deadline = start + 10s;
    int tries = 0;
    while (machine.due() < deadline) {
        tick_at(machine.due());
        ASSERT_TRUE(asked);
        EXPECT_EQ(asked->what, tries == 0 ? verb::replace : verb::get);
        fail(GetParam());
        ++tries;
        ASSERT_EQ(machine.state(), lease_state::leading);
    }
    EXPECT_GE(tries, 4);
    tick_at(deadline - 1ns);
    EXPECT_EQ(machine.state(), lease_state::leading);
    tick_at(deadline);
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.state(), lease_state::lost);
}

TEST_P(lease_machine_failing, a_leader_that_gets_through_in_time_goes_on) {
    lead();
    tick_at(start + 2s);
    fail(GetParam());
    tick_at(start + 9s);
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("me")));
    ASSERT_TRUE(asks(verb::replace));
    accept();
    tick_at(start + 10s);
    EXPECT_EQ(machine.state(), lease_state::leading);
    tick_at(start + 19s - 1ns);
    EXPECT_EQ(machine.state(), lease_state::leading);
}

INSTANTIATE_TEST_SUITE_P(
    all,
    lease_machine_failing,
    testing::Values(
        error_kind::transport,
        error_kind::unavailable,
        error_kind::throttled,
        error_kind::forbidden,
        error_kind::unauthorized,
        error_kind::invalid
    )
);

TEST_F(lease_machine_test, an_answer_that_is_no_object_is_a_failure) {
    tick();
    reply(answer(json::value("lease")));
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.due(), now + 2s);
}

TEST_F(lease_machine_test, a_request_without_answer_is_given_up_after_half_the_deadline) {
    lead();
    tick_at(start + 2s);
    const auto lost = *asked;
    EXPECT_EQ(machine.due(), start + 7s);
    tick_at(start + 7s);
    ASSERT_TRUE(asks(verb::get));
    EXPECT_NE(machine.outstanding(), lost.number);
    EXPECT_FALSE(machine.on_reply(lost.number, failure(error_kind::conflict), at()));
    reply(answer(lease_of("me", 15, 3)));
    accept();
    EXPECT_EQ(machine.state(), lease_state::leading);
}

TEST_F(lease_machine_test, the_deadline_counts_from_sending_and_holds_while_waiting) {
    lead();
    tick_at(start + 2s);
    now = start + 4s;
    accept();
    tick_at(start + 6s);
    ASSERT_TRUE(asked);
    tick_at(start + 11s);  // Given up; asks anew.
    ASSERT_TRUE(asks(verb::get));
    EXPECT_EQ(machine.due(), start + 12s);
    tick_at(start + 12s);
    EXPECT_EQ(machine.state(), lease_state::lost);
    EXPECT_EQ(machine.outstanding(), 0U);
}

TEST_F(lease_machine_test, a_write_that_was_answered_too_late_does_not_make_a_leader) {
    tick();
    reply(answer(lease_of("")));
    ASSERT_TRUE(asks(verb::replace));
    now += 10s;  // A loop that did not turn.
    accept();
    EXPECT_EQ(machine.state(), lease_state::standby);
    tick();
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("me")));
    ASSERT_TRUE(asks(verb::replace));
    accept();
    EXPECT_EQ(machine.state(), lease_state::leading);
}

TEST_F(lease_machine_test, a_leader_whose_loop_stands_still_is_overdue) {
    EXPECT_FALSE(machine.overdue(start + 1h));
    lead();
    EXPECT_FALSE(machine.overdue(start + 15s - 1ns));
    EXPECT_TRUE(machine.overdue(start + 15s));
}

TEST_F(lease_machine_test, stopping_a_leader_releases_the_lease) {
    lead();
    asked = machine.on_stop(at());
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(text(asked->body, "holderIdentity"), "");
    EXPECT_EQ(number(asked->body, "leaseDurationSeconds"), 1);
    EXPECT_EQ(text(asked->body, "renewTime"), "2030-01-02T03:00:00.000007Z");
    EXPECT_EQ(machine.state(), lease_state::releasing);
    accept();
    EXPECT_EQ(machine.state(), lease_state::stopped);
    EXPECT_FALSE(machine.on_stop(at()));
}

TEST_F(lease_machine_test, stopping_a_standby_writes_nothing) {
    stand_by();
    EXPECT_FALSE(machine.on_stop(at()));
    EXPECT_EQ(machine.state(), lease_state::stopped);
}

TEST_F(lease_machine_test, stopping_while_taking_the_lease_gives_it_back) {
    tick();
    reply(answer(lease_of("")));
    EXPECT_FALSE(machine.on_stop(at()));
    accept();
    EXPECT_EQ(machine.state(), lease_state::releasing);
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(text(asked->body, "holderIdentity"), "");
    accept();
    EXPECT_EQ(machine.state(), lease_state::stopped);
}

TEST_F(lease_machine_test, stopping_while_renewing_waits_for_the_answer) {
    lead();
    tick_at(machine.due());
    EXPECT_FALSE(machine.on_stop(at()));
    fail(error_kind::transport);
    ASSERT_TRUE(asks(verb::get));
    reply(answer(lease_of("me")));
    ASSERT_TRUE(asks(verb::replace));
    EXPECT_EQ(text(asked->body, "holderIdentity"), "");
}

TEST_F(lease_machine_test, what_another_one_holds_is_not_released) {
    lead();
    tick_at(machine.due());
    EXPECT_FALSE(machine.on_stop(at()));
    fail(error_kind::conflict);
    reply(answer(lease_of("other")));
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.state(), lease_state::stopped);
}

TEST_F(lease_machine_test, a_release_that_fails_is_not_repeated) {
    lead();
    asked = machine.on_stop(at());
    fail(error_kind::unavailable);
    EXPECT_FALSE(asked);
    EXPECT_EQ(machine.state(), lease_state::stopped);
}

TEST(micro_time, has_six_digits_whatever_they_are) {
    using namespace std::chrono;
    EXPECT_EQ(micro_time({}), "1970-01-01T00:00:00.000000Z");
    const auto leap = sys_days{February / 29 / 2024} + 23h + 59min + 59s + 999'999us;
    EXPECT_EQ(micro_time(leap), "2024-02-29T23:59:59.999999Z");
    EXPECT_EQ(micro_time(leap + 999ns), "2024-02-29T23:59:59.999999Z");
}

}  // namespace
