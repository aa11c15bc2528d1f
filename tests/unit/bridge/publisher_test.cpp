// Routing, results, refusals, back-pressure and the order across connections.
#include "tests/unit/bridge/publisher_fixture.hpp"

namespace {

using namespace pgw;
using bridge::assurance;
using bridge::refusal;
using bridge::result_class;
using bridge::silent_refusal;
using bridge::submit_status;
using test::one_route;
using test::recording_sink;

class publisher : public test::publisher_fixture {};

TEST_F(publisher, a_result_comes_only_with_the_outcome) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    const auto submitted = publish(*stream, "a");
    EXPECT_EQ(submitted.status, submit_status::taken);
    EXPECT_EQ(submitted.sequence, 0u);
    ASSERT_EQ(acked().sent.size(), 1u);
    EXPECT_TRUE(sink.results.empty());
    EXPECT_EQ(publisher_->in_flight(), 1u);
    acked().accept(acked().sent[0].token);
    ASSERT_EQ(sink.results.size(), 1u);
    EXPECT_EQ(sink.results.at(0).kind, result_class::accepted);
    EXPECT_EQ(publisher_->in_flight(), 0u);
}

TEST_F(publisher, outcomes_may_come_in_any_order) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    for (const char* p : {"a", "b", "c"}) publish(*stream, p);
    acked().accept(acked().sent[2].token);
    acked().accept(acked().sent[0].token);
    acked().accept(acked().sent[1].token);
    EXPECT_EQ(sink.order, (std::vector<std::uint32_t>{2, 0, 1}));
}

struct outcome_row {
    const char* name;
    amqp::outcome_kind kind;
    const char* condition;
    refusal expected;
};

TEST_F(publisher, rejected_is_refused_with_the_class_of_its_condition) {
    const std::vector<outcome_row> rows{
        {"no condition", amqp::outcome_kind::rejected, "", refusal::unspecified},
        {"unauthorized",
         amqp::outcome_kind::rejected,
         "amqp:unauthorized-access",
         refusal::not_authorized},
        {"not found", amqp::outcome_kind::rejected, "amqp:not-found", refusal::no_route},
        {"decode error", amqp::outcome_kind::rejected, "amqp:decode-error", refusal::payload_format
        },
        {"not allowed", amqp::outcome_kind::rejected, "amqp:not-allowed", refusal::implementation},
        {"too large",
         amqp::outcome_kind::rejected,
         "amqp:link:message-size-exceeded",
         refusal::quota},
    };
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        const auto sequence = publish(*stream, "a").sequence;
        acked().answer(acked().sent.back().token, row.kind, row.condition);
        ASSERT_TRUE(sink.results.contains(sequence));
        EXPECT_EQ(sink.results.at(sequence).kind, result_class::refused);
        EXPECT_EQ(sink.results.at(sequence).refusal, row.expected);
        EXPECT_EQ(sink.results.at(sequence).text, row.condition);
    }
}

TEST_F(publisher, no_outcome_but_accepted_acknowledges) {
    using kind = amqp::outcome_kind;
    for (const auto outcome : {kind::released, kind::modified, kind::none, kind::unknown}) {
        uplink_.senders.clear();
        build(one_route());
        recording_sink sink;
        auto stream = open(sink);
        publish(*stream, "a");
        acked().answer(acked().sent[0].token, outcome);
        EXPECT_TRUE(sink.results.empty());
        advance(base::seconds(3));
        ASSERT_EQ(acked().sent.size(), 2u) << "sent again";
        acked().accept(acked().sent[1].token);
        EXPECT_EQ(sink.results.at(0).kind, result_class::accepted);
        stream.reset();
        publisher_.reset();
    }
}

TEST_F(publisher, what_is_returned_too_often_is_refused) {
    auto gateway = one_route();
    gateway.upstreams[0].limits.max_attempts = 3;
    build(gateway);
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "a");
    for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_EQ(acked().sent.size(), i + 1);
        acked().answer(acked().sent[i].token, amqp::outcome_kind::released);
        advance(base::seconds(3));
    }
    EXPECT_EQ(acked().sent.size(), 3u);
    ASSERT_EQ(sink.results.size(), 1u);
    EXPECT_EQ(sink.results.at(0).kind, result_class::refused);
}

TEST_F(publisher, without_an_outcome_in_time_the_result_is_retry) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "a");
    advance(base::seconds(29));
    EXPECT_TRUE(sink.results.empty());
    advance(base::seconds(2));
    ASSERT_EQ(sink.results.size(), 1u);
    EXPECT_EQ(sink.results.at(0).kind, result_class::retry);
    EXPECT_EQ(acked().abandoned.size(), 1u);
    EXPECT_EQ(metrics_.timed_out.value(), 1u);
    // A late outcome of an abandoned delivery changes nothing.
    acked().accept(acked().sent[0].token);
    EXPECT_EQ(sink.results.size(), 1u);
}

TEST_F(publisher, at_most_once_goes_presettled_and_is_done_at_once) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    EXPECT_EQ(publish(*stream, "a", assurance::at_most_once).status, submit_status::done);
    EXPECT_EQ(settled().sent.size(), 1u);
    EXPECT_TRUE(acked().sent.empty());
}

TEST_F(publisher, at_most_once_without_credit_waits_and_is_dropped_and_counted) {
    build(one_route());
    settled().credit = 0;
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "a", assurance::at_most_once);
    advance(base::milliseconds(900));
    publish(*stream, "b", assurance::at_most_once);
    advance(base::milliseconds(200));
    EXPECT_EQ(metrics_.dropped.value(), 1u);
    settled().grant(10);
    EXPECT_EQ(payloads(settled()), "b");
    EXPECT_EQ(publisher_->pending(), 0u);
}

TEST_F(publisher, waiting_messages_leave_in_order_when_credit_comes) {
    build(one_route());
    acked().credit = 0;
    recording_sink sink;
    const auto stream = open(sink);
    for (const char* p : {"a", "b", "c", "d"}) publish(*stream, p);
    EXPECT_TRUE(acked().sent.empty());
    acked().grant(2);
    EXPECT_EQ(payloads(acked()), "ab");
    publish(*stream, "e");
    acked().grant(5);
    EXPECT_EQ(payloads(acked()), "abcde");
}

TEST_F(publisher, a_full_lane_blocks_and_wakes) {
    auto gateway = one_route();
    gateway.upstreams[0].limits.max_unsettled = 8;
    build(gateway);
    recording_sink sink;
    const auto stream = open(sink);
    for (int i = 0; i < 8; ++i) ASSERT_EQ(publish(*stream, "a").status, submit_status::taken);
    EXPECT_EQ(publish(*stream, "b").status, submit_status::blocked);
    EXPECT_EQ(sink.capacity, 0);
    acked().accept(acked().sent[0].token);
    EXPECT_EQ(sink.capacity, 1);
    EXPECT_EQ(publish(*stream, "b").status, submit_status::taken);
}

TEST_F(publisher, an_unmatched_topic_is_refused_or_discarded_as_the_policy_says) {
    auto gateway = one_route();
    gateway.routes.publish[0].match_topic = "dev/{id}";
    build(gateway);
    recording_sink sink;
    auto stream = open(sink);
    auto refused = publish(*stream, "a", assurance::at_least_once, "other");
    EXPECT_EQ(refused.status, submit_status::done);
    EXPECT_EQ(refused.result.kind, result_class::refused);
    EXPECT_EQ(refused.result.refusal, refusal::no_route);
    stream.reset();

    uplink_.senders.clear();
    gateway.routes.unmatched = manifest::unmatched_policy::discard;
    publisher_.reset();
    build(gateway);
    stream = open(sink);
    EXPECT_EQ(
        publish(*stream, "a", assurance::at_least_once, "other").result.kind, result_class::accepted
    );
    EXPECT_EQ(metrics_.discarded.value(), 1u);
    stream.reset();
}

TEST_F(publisher, the_first_matching_route_wins) {
    auto gateway = one_route();
    auto special = gateway.routes.publish[0];
    special.name = "special";
    special.match_topic = "alarm/{*x}";
    special.address = "alarms";
    gateway.routes.publish.insert(gateway.routes.publish.begin(), special);
    build(gateway);
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "a", assurance::at_least_once, "alarm/1");
    publish(*stream, "b", assurance::at_least_once, "other/1");
    EXPECT_EQ(payloads(*uplink_.find("alarms", false)), "a");
    EXPECT_EQ(payloads(acked()), "b");
}

TEST_F(publisher, a_variable_address_uses_the_anonymous_link) {
    auto gateway = one_route();
    gateway.routes.publish[0].match_topic = "dev/{id}";
    gateway.routes.publish[0].address = "queue.{id}";
    build(gateway);
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "a", assurance::at_least_once, "dev/7");
    auto* anonymous = uplink_.find("", false);
    ASSERT_NE(anonymous, nullptr);
    ASSERT_EQ(anonymous->sent.size(), 1u);
    EXPECT_NE(anonymous->sent[0].bytes.find("queue.7"), std::string::npos);
}

TEST_F(publisher, a_refusal_that_cannot_be_told_follows_on_refused) {
    auto gateway = one_route();
    build(gateway);
    recording_sink sink;
    auto stream = open(sink, "c1", false);
    publish(*stream, "a");
    acked().answer(acked().sent[0].token, amqp::outcome_kind::rejected, "amqp:not-allowed");
    EXPECT_EQ(sink.results.at(0).silent, silent_refusal::disconnect);
    stream.reset();
    publisher_.reset();
    uplink_.senders.clear();

    gateway.routes.publish[0].on_refused.type = manifest::on_refused_type::discard;
    build(gateway);
    recording_sink discarding;
    stream = open(discarding, "c1", false);
    publish(*stream, "a");
    acked().answer(acked().sent[0].token, amqp::outcome_kind::rejected, "amqp:not-allowed");
    EXPECT_EQ(discarding.results.at(0).silent, silent_refusal::acknowledge);
    EXPECT_EQ(metrics_.discarded.value(), 1u);
    stream.reset();
}

TEST_F(publisher, a_dead_letter_is_acknowledged_only_when_it_was_accepted) {
    auto gateway = one_route();
    gateway.routes.publish[0].on_refused = {manifest::on_refused_type::dead_letter, "dead"};
    build(gateway);
    recording_sink sink;
    const auto stream = open(sink, "c1", false);
    publish(*stream, "a");
    publish(*stream, "b");
    acked().answer(acked().sent[0].token, amqp::outcome_kind::rejected, "amqp:not-allowed");
    acked().answer(acked().sent[1].token, amqp::outcome_kind::rejected, "amqp:not-allowed");
    auto& dead = *uplink_.find("dead", false);
    EXPECT_EQ(payloads(dead), "ab");
    EXPECT_TRUE(sink.results.empty());
    dead.accept(dead.sent[0].token);
    dead.answer(dead.sent[1].token, amqp::outcome_kind::rejected, "amqp:not-allowed");
    EXPECT_EQ(sink.results.at(0).silent, silent_refusal::acknowledge);
    EXPECT_EQ(sink.results.at(1).silent, silent_refusal::disconnect);
    EXPECT_EQ(metrics_.dead_lettered.value(), 1u);
}

TEST_F(publisher, a_new_connection_waits_for_the_old_ones_publications) {
    build(one_route());
    recording_sink old_sink;
    recording_sink new_sink;
    auto old_stream = open(old_sink);
    publish(*old_stream, "a");
    publish(*old_stream, "b");
    old_stream.reset();
    const auto new_stream = open(new_sink);
    EXPECT_EQ(publish(*new_stream, "c").status, submit_status::blocked);
    acked().accept(acked().sent[0].token);
    EXPECT_EQ(new_sink.capacity, 0);
    acked().accept(acked().sent[1].token);
    EXPECT_EQ(new_sink.capacity, 1);
    EXPECT_EQ(publish(*new_stream, "c").status, submit_status::taken);
    EXPECT_TRUE(old_sink.results.empty()) << "nobody is told any more";
}

TEST_F(publisher, a_connection_that_gave_up_while_waiting_is_forgotten) {
    build(one_route());
    recording_sink first;
    recording_sink second;
    recording_sink third;
    auto one = open(first);
    publish(*one, "a");
    one.reset();
    auto two = open(second);
    EXPECT_EQ(publish(*two, "b").status, submit_status::blocked);
    two.reset();
    const auto three = open(third);
    EXPECT_EQ(publish(*three, "c").status, submit_status::blocked);
    acked().accept(acked().sent[0].token);
    EXPECT_EQ(second.capacity, 0);
    EXPECT_EQ(third.capacity, 1);
}

TEST_F(publisher, an_expired_message_is_not_sent) {
    build(one_route());
    acked().credit = 0;
    recording_sink sink;
    const auto stream = open(sink);
    bridge::message message;
    message.topic = "a";
    message.assurance = assurance::at_least_once;
    message.expiry_seconds = 2;
    publisher_->publish(*stream, message, now_);
    now_ += base::seconds(3);
    acked().grant(10);
    EXPECT_TRUE(acked().sent.empty());
    EXPECT_EQ(sink.results.at(0).kind, result_class::expired);
}

}  // namespace
