// Order: after a lost link, after a return, and with strict ordering.
#include "tests/unit/bridge/publisher_fixture.hpp"

#include <random>

namespace {

using namespace pgw;
using bridge::result_class;
using bridge::submit_status;
using test::one_route;
using test::recording_sink;

class lane_order : public test::publisher_fixture {};

TEST_F(lane_order, after_a_lost_link_all_unsettled_go_again_before_anything_new) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    for (const char* p : {"a", "b", "c", "d"}) publish(*stream, p);
    acked().accept(acked().sent[1].token);
    acked().lose();
    publish(*stream, "e");
    acked().attach(100);
    EXPECT_EQ(payloads(acked()), "abcdacde");
    EXPECT_EQ(metrics_.resent.value(), 3u);
    EXPECT_EQ(metrics_.possible_duplicates.value(), 3u);
    for (std::size_t i = 4; i < acked().sent.size(); ++i) acked().accept(acked().sent[i].token);
    EXPECT_EQ(sink.results.size(), 5u);
    EXPECT_EQ(publisher_->in_flight(), 0u);
}

TEST_F(lane_order, a_returned_message_stops_its_stream_and_no_other) {
    build(one_route());
    recording_sink first_sink;
    recording_sink second_sink;
    const auto first = open(first_sink, "c1");
    const auto second = open(second_sink, "c2");
    publish(*first, "a");
    acked().answer(acked().sent[0].token, amqp::outcome_kind::released);
    publish(*first, "b");
    publish(*second, "x");
    EXPECT_EQ(payloads(acked()), "ax");
    advance(base::seconds(3));
    EXPECT_EQ(payloads(acked()), "axa") << "b waits until a is resolved";
    acked().accept(acked().sent[2].token);
    EXPECT_EQ(payloads(acked()), "axab");
}

TEST_F(lane_order, several_returned_messages_go_again_one_by_one_in_order) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    for (const char* p : {"a", "b", "c"}) publish(*stream, p);
    // Returned in reverse: the order of submission counts, not that of the outcomes.
    for (std::size_t i = 3; i-- > 0;) {
        acked().answer(acked().sent[i].token, amqp::outcome_kind::released);
    }
    std::size_t answered = 3;
    for (int round = 0; round < 3; ++round) {
        advance(base::seconds(3));
        ASSERT_EQ(acked().sent.size(), answered + 1);
        acked().accept(acked().sent[answered++].token);
    }
    EXPECT_EQ(payloads(acked()), "abcabc");
    EXPECT_EQ(sink.order, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST_F(lane_order, a_link_lost_while_messages_are_deferred_keeps_the_order) {
    build(one_route());
    recording_sink sink;
    const auto stream = open(sink);
    for (const char* p : {"a", "b", "c"}) publish(*stream, p);
    acked().answer(acked().sent[1].token, amqp::outcome_kind::released);
    publish(*stream, "d");
    acked().lose();
    acked().attach(100);
    EXPECT_EQ(payloads(acked()), "abcabcd");
}

TEST_F(lane_order, strict_ordering_keeps_one_in_flight_per_client) {
    auto gateway = one_route();
    gateway.routes.publish[0].ordering = manifest::ordering::strict;
    build(gateway);
    recording_sink first_sink;
    recording_sink second_sink;
    const auto first = open(first_sink, "c1");
    const auto second = open(second_sink, "c2");
    for (const char* p : {"a", "b", "c"}) publish(*first, p);
    publish(*second, "x");
    EXPECT_EQ(payloads(acked()), "ax");
    acked().accept(acked().sent[0].token);
    EXPECT_EQ(payloads(acked()), "axb");
    acked().answer(acked().sent[2].token, amqp::outcome_kind::rejected);
    EXPECT_EQ(payloads(acked()), "axbc");
}

/// Random peers: whatever they do, every publication gets exactly one result, and what is accepted
/// is accepted in each client's order as long as nothing was sent ahead of a returned one.
TEST_F(lane_order, every_publication_gets_exactly_one_result_under_random_faults) {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        uplink_.senders.clear();
        auto gateway = one_route();
        gateway.upstreams[0].limits.max_unsettled = 64;
        gateway.routes.publish[0].ordering =
            seed % 2 == 0 ? manifest::ordering::strict : manifest::ordering::relaxed;
        build(gateway);
        std::vector<recording_sink> sinks(3);
        std::vector<bridge::stream_handle> streams;
        std::vector<std::uint32_t> taken(3, 0);
        for (std::size_t i = 0; i < 3; ++i) streams.push_back(open(sinks[i], std::to_string(i)));
        std::vector<std::uint64_t> outstanding;
        std::size_t seen = 0;
        const auto collect = [&] {
            for (; seen < acked().sent.size(); ++seen)
                outstanding.push_back(acked().sent[seen].token);
        };
        for (int step = 0; step < 2000; ++step) {
            collect();
            const auto dice = random() % 100;
            if (dice < 50) {
                const auto client = random() % 3;
                if (publish(*streams[client], "p").status == submit_status::taken) ++taken[client];
            } else if (dice < 90 && !outstanding.empty()) {
                const auto at = random() % outstanding.size();
                const auto token = outstanding[at];
                outstanding.erase(outstanding.begin() + static_cast<std::ptrdiff_t>(at));
                const auto kind = random() % 10;
                if (kind < 7) {
                    acked().accept(token);
                } else if (kind < 9) {
                    acked().answer(token, amqp::outcome_kind::released);
                } else {
                    acked().answer(token, amqp::outcome_kind::rejected, "amqp:not-allowed");
                }
            } else if (dice < 92) {
                acked().lose();
                outstanding.clear();
                seen = acked().sent.size();
                acked().attach(static_cast<std::uint32_t>(random() % 20));
            } else {
                acked().grant(static_cast<std::uint32_t>(random() % 10));
                advance(base::milliseconds(100));
            }
        }
        for (int i = 0; i < 400; ++i) {
            acked().grant(10);
            collect();
            for (const auto token : outstanding) acked().accept(token);
            outstanding.clear();
            advance(base::milliseconds(100));
        }
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(sinks[i].results.size(), taken[i]);
            EXPECT_EQ(sinks[i].order.size(), taken[i]) << "a result was given twice";
        }
        EXPECT_EQ(publisher_->in_flight(), 0u);
        EXPECT_EQ(publisher_->pending(), 0u);
        streams.clear();
        publisher_.reset();
    }
}

}  // namespace
