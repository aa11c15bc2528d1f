// A message for which the peer ends the link, the session or the connection.
#include "tests/unit/bridge/publisher_fixture.hpp"

#include <algorithm>

namespace {

using namespace pgw;
using bridge::refusal;
using bridge::result_class;
using test::fake_sender;
using test::one_route;
using test::recording_sink;

constexpr std::string_view poison_condition = "amqp:link:message-size-exceeded";

/// A peer over the fake uplink: accepts what comes, but ends what it came on for one payload.
class poison : public test::publisher_fixture {
protected:
    void build_with(std::uint32_t max_attempts, std::size_t routes = 1) {
        auto gateway = one_route();
        gateway.upstreams[0].limits.max_attempts = max_attempts;
        if (routes == 2) {
            gateway.routes.publish[0].match_topic = "a/{*rest}";
            auto second = gateway.routes.publish[0];
            second.name = "second";
            second.match_topic = "b/{*rest}";
            second.address = "other";
            gateway.routes.publish.push_back(second);
        }
        build(std::move(gateway));
    }

    static bool is_poison(const test::sent_message& m) { return m.bytes.back() == '!'; }

    /// Answers in order what was sent since the last time; false when nothing was.
    bool serve(fake_sender& link) {
        bool any = false;
        while (answered_[&link] < link.sent.size()) {
            any = true;
            const auto message = link.sent[answered_[&link]++];
            if (!is_poison(message)) {
                link.accept(message.token);
                continue;
            }
            ++poison_sends;
            end(link, 1 + link.sent.size() - answered_[&link]);
            return true;
        }
        return any;
    }
    void end(fake_sender& link, std::uint64_t without_outcome) {
        if (!whole_connection) {
            link.end(condition, without_outcome);
            answered_[&link] = link.sent.size();
            return;
        }
        without_outcome = 0;
        for (auto* s : uplink_.senders) {
            if (s->options.presettled) continue;
            without_outcome += s->sent.size() - answered_[s];
        }
        ++without_outcome;  // the poison itself
        for (auto* s : uplink_.senders) {
            s->attached = false;
            if (!s->options.presettled) answered_[s] = s->sent.size();
        }
        for (auto* s : uplink_.senders) {
            s->events.on_lost({condition, "ended", condition != silent, true, without_outcome});
        }
    }
    /// Lets time pass and the peer answer until nothing is left or the time is over.
    void play(base::milliseconds time) {
        for (const auto until = now_ + time; now_ < until;) {
            advance(base::milliseconds(50));
            for (auto* s : uplink_.senders) {
                if (!s->attached) s->attach(1000);
            }
            for (bool any = true; any;) {
                any = false;
                for (auto* s : uplink_.senders) {
                    if (!s->options.presettled && s->attached) any = serve(*s) || any;
                }
            }
        }
    }

    static constexpr std::string_view silent = "amqp:connection:forced";
    std::string_view condition = poison_condition;
    bool whole_connection = false;
    int poison_sends = 0;
    std::map<fake_sender*, std::size_t> answered_;
};

TEST_F(poison, alone_is_refused_after_its_attempts_with_the_peers_reason) {
    build_with(4);
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "!");
    play(base::seconds(10));
    EXPECT_EQ(poison_sends, 4);
    ASSERT_EQ(sink.results.count(0), 1u);
    EXPECT_EQ(sink.results.at(0).kind, result_class::refused);
    EXPECT_EQ(sink.results.at(0).refusal, refusal::quota);
    EXPECT_EQ(sink.results.at(0).text, poison_condition);
}

TEST_F(poison, is_found_among_many_and_the_others_go_on) {
    for (const bool whole : {false, true}) {
        for (int place = 0; place < 20; ++place) {
            SCOPED_TRACE(testing::Message() << place << (whole ? " connection" : " link"));
            uplink_.senders.clear();
            answered_.clear();
            poison_sends = 0;
            whole_connection = whole;
            build_with(4);
            std::vector<recording_sink> sinks(20);
            std::vector<bridge::stream_handle> streams;
            for (int i = 0; i < 20; ++i) streams.push_back(open(sinks[i], std::to_string(i)));
            for (int i = 0; i < 20; ++i) publish(*streams[i], i == place ? "!" : "x");
            play(base::milliseconds(500));
            for (int i = 0; i < 20; ++i) {
                if (i == place) continue;
                ASSERT_EQ(sinks[i].results.size(), 1u) << i;
                EXPECT_EQ(sinks[i].results.at(0).kind, result_class::accepted);
            }
            play(base::seconds(10));
            EXPECT_EQ(sinks[place].results.at(0).kind, result_class::refused);
            EXPECT_LE(poison_sends, 5);
            EXPECT_GE(poison_sends, 4);
            streams.clear();
            publisher_.reset();
        }
    }
}

TEST_F(poison, of_another_route_on_the_same_connection_costs_nobody_an_attempt) {
    whole_connection = true;
    build_with(1, 2);
    recording_sink bad_sink;
    std::vector<recording_sink> sinks(10);
    const auto bad = open(bad_sink, "bad");
    std::vector<bridge::stream_handle> streams;
    for (int i = 0; i < 10; ++i) streams.push_back(open(sinks[i], std::to_string(i)));
    for (int i = 0; i < 5; ++i) publish(*streams[i], "x", bridge::assurance::at_least_once, "b/1");
    publish(*bad, "!", bridge::assurance::at_least_once, "a/1");
    for (int i = 5; i < 10; ++i) publish(*streams[i], "x", bridge::assurance::at_least_once, "b/1");
    // All are in flight when the end comes.
    end(*uplink_.find("telemetry", false), 11);
    play(base::seconds(10));
    for (auto& sink : sinks) {
        ASSERT_EQ(sink.results.size(), 1u);
        EXPECT_EQ(sink.results.at(0).kind, result_class::accepted);
    }
    EXPECT_EQ(bad_sink.results.at(0).kind, result_class::refused);
    EXPECT_LE(poison_sends, 2);
}

TEST_F(poison, keeps_the_order_of_its_own_client) {
    build_with(3);
    recording_sink sink;
    const auto stream = open(sink);
    for (const char* p : {"a", "!", "b", "c"}) publish(*stream, p);
    play(base::seconds(10));
    EXPECT_EQ(sink.order, (std::vector<std::uint32_t>{0, 1, 2, 3}));
    EXPECT_EQ(sink.results.at(1).kind, result_class::refused);
    EXPECT_EQ(sink.results.at(3).kind, result_class::accepted);
}

TEST_F(poison, several_are_found_one_after_the_other) {
    build_with(3);
    std::vector<recording_sink> sinks(12);
    std::vector<bridge::stream_handle> streams;
    for (int i = 0; i < 12; ++i) streams.push_back(open(sinks[i], std::to_string(i)));
    for (int i = 0; i < 12; ++i) publish(*streams[i], i % 4 == 1 ? "!" : "x");
    play(base::seconds(20));
    for (int i = 0; i < 12; ++i) {
        ASSERT_EQ(sinks[i].results.size(), 1u) << i;
        const auto expected = i % 4 == 1 ? result_class::refused : result_class::accepted;
        EXPECT_EQ(sinks[i].results.at(0).kind, expected) << i;
    }
    EXPECT_EQ(publisher_->pending(), 0u);
}

/// With nothing wrong with any message: connections that are cut, closed or forced again and again
/// refuse none, at whatever moment they end.
TEST_F(poison, a_broker_that_restarts_makes_no_message_a_culprit) {
    build_with(1);
    std::vector<recording_sink> sinks(50);
    std::vector<bridge::stream_handle> streams;
    for (int i = 0; i < 50; ++i) streams.push_back(open(sinks[i], std::to_string(i)));
    for (int i = 0; i < 50; ++i) publish(*streams[i], "x");
    auto& link = acked();
    for (int restart = 0; restart < 8; ++restart) {
        link.lose();
        advance(base::milliseconds(200));
        link.attach(restart % 2 == 0 ? 1 : 1000);
        advance(base::milliseconds(200));
    }
    play(base::seconds(10));
    for (auto& sink : sinks) {
        ASSERT_EQ(sink.results.size(), 1u);
        EXPECT_EQ(sink.results.at(0).kind, result_class::accepted);
    }
}

/// A peer that falls over a message without a word: nothing is refused for it, but the others go on
/// and deliveryTimeout ends it.
TEST_F(poison, that_cuts_the_stream_without_a_reason_is_isolated_until_its_deadline) {
    whole_connection = true;
    condition = silent;
    build_with(3);
    std::vector<recording_sink> sinks(10);
    std::vector<bridge::stream_handle> streams;
    for (int i = 0; i < 10; ++i) streams.push_back(open(sinks[i], std::to_string(i)));
    for (int i = 0; i < 10; ++i) publish(*streams[i], i == 2 ? "!" : "x");
    play(base::seconds(3));
    for (int i = 0; i < 10; ++i) {
        if (i == 2) continue;
        ASSERT_EQ(sinks[i].results.size(), 1u) << i;
        EXPECT_EQ(sinks[i].results.at(0).kind, result_class::accepted);
    }
    EXPECT_TRUE(sinks[2].results.empty());
    play(base::seconds(30));
    EXPECT_EQ(sinks[2].results.at(0).kind, result_class::retry);
    EXPECT_LE(poison_sends, 40);
}

/// Losses between two outcomes do not use up what a returned message may cost.
TEST_F(poison, an_end_that_says_nothing_is_no_attempt) {
    build_with(3);
    recording_sink sink;
    const auto stream = open(sink);
    publish(*stream, "a");
    for (int i = 0; i < 6; ++i) {
        acked().lose();
        acked().attach(10);
        advance(base::seconds(3));
    }
    acked().answer(acked().sent.back().token, amqp::outcome_kind::released);
    EXPECT_TRUE(sink.results.empty());
    advance(base::seconds(3));
    acked().accept(acked().sent.back().token);
    EXPECT_EQ(sink.results.at(0).kind, result_class::accepted);
}

}  // namespace
