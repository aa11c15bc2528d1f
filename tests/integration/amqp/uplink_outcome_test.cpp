// What the uplink reports for every way a peer can answer.
#include "tests/integration/amqp/uplink_fixture.hpp"

namespace pgw::test {
namespace {

using amqp::outcome_kind;
using amqp::send_status;

struct answer_row {
    const char* name;
    peer_answer answer;
    outcome_kind expected;
};

class uplink_answer_test : public uplink_test, public testing::WithParamInterface<answer_row> {};

TEST_P(uplink_answer_test, is_reported_once_and_settled) {
    amqp_peer peer;
    peer.answer_with(GetParam().answer);
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    ASSERT_EQ(send("one", 7), send_status::sent);
    ASSERT_TRUE(outcomes(1));
    const auto& seen = events.outcomes.front();
    EXPECT_EQ(seen.token, 7u);
    EXPECT_EQ(seen.kind, GetParam().expected);
    EXPECT_EQ(seen.condition, GetParam().answer.condition);
    EXPECT_EQ(seen.description, GetParam().answer.description);
    EXPECT_EQ(seen.delivery_failed, GetParam().answer.delivery_failed);
    EXPECT_EQ(seen.undeliverable_here, GetParam().answer.undeliverable_here);
    loop.run_for(base::milliseconds(30));
    EXPECT_EQ(events.outcomes.size(), 1u);
    EXPECT_EQ(events.lost, 0);
}

INSTANTIATE_TEST_SUITE_P(
    every,
    uplink_answer_test,
    testing::Values(
        answer_row{"accepted", peer_answer::accept(), outcome_kind::accepted},
        answer_row{
            "rejected", peer_answer::reject("amqp:not-allowed", "why"), outcome_kind::rejected
        },
        answer_row{"rejected_bare", peer_answer::reject("", ""), outcome_kind::rejected},
        answer_row{"released", peer_answer::release(), outcome_kind::released},
        answer_row{"modified_failed", peer_answer::modify(true, false), outcome_kind::modified},
        answer_row{"modified_elsewhere", peer_answer::modify(false, true), outcome_kind::modified},
        answer_row{
            "settled_without_state", peer_answer::settle_without_state(), outcome_kind::none
        },
        answer_row{"settled_received", peer_answer::settle_received(), outcome_kind::unknown}
    ),
    [](const auto& row) { return std::string(row.param.name); }
);

TEST_F(uplink_test, received_without_settlement_is_no_outcome_and_the_real_one_still_counts) {
    amqp_peer peer;
    peer.answer_with(peer_answer::received_only());
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    ASSERT_EQ(send("one", 1), send_status::sent);
    ASSERT_TRUE(peer.wait_until([&] {
        loop.turn();
        return peer.message_count() == 1;
    }));
    loop.run_for(base::milliseconds(50));
    EXPECT_TRUE(events.outcomes.empty());
    peer.answer(0, peer_answer::accept());
    ASSERT_TRUE(outcomes(1));
    EXPECT_EQ(events.outcomes[0].kind, outcome_kind::accepted);
}

TEST_F(uplink_test, late_answers_out_of_order_find_their_tokens) {
    amqp_peer peer;
    peer.hold();
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    for (std::uint64_t token = 100; token < 104; ++token) {
        ASSERT_EQ(send("m", token), send_status::sent);
    }
    ASSERT_TRUE(loop.run_until([&] { return peer.message_count() == 4; }));
    for (const std::size_t index : {2, 0, 3, 1}) peer.answer(index, peer_answer::accept());
    ASSERT_TRUE(outcomes(4));
    std::vector<std::uint64_t> tokens;
    for (const auto& seen : events.outcomes) tokens.push_back(seen.token);
    EXPECT_EQ(tokens, (std::vector<std::uint64_t>{102, 100, 103, 101}));
}

TEST_F(uplink_test, an_abandoned_delivery_is_never_reported) {
    amqp_peer peer;
    peer.hold();
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    ASSERT_EQ(send("a", 1), send_status::sent);
    ASSERT_EQ(send("b", 2), send_status::sent);
    ASSERT_EQ(send("c", 3), send_status::sent);
    ASSERT_TRUE(loop.run_until([&] { return peer.message_count() == 3; }));
    sender->abandon(2);
    sender->abandon(77);  // not outstanding: nothing happens
    loop.run_for(base::milliseconds(20));
    for (const std::size_t index : {0, 1, 2}) peer.answer(index, peer_answer::accept());
    ASSERT_TRUE(outcomes(2));
    loop.run_for(base::milliseconds(50));
    ASSERT_EQ(events.outcomes.size(), 2u);
    EXPECT_EQ(events.outcomes[0].token, 1u);
    EXPECT_EQ(events.outcomes[1].token, 3u);
}

TEST_F(uplink_test, presettled_messages_arrive_settled_and_have_no_outcome) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open("q", true);
    ASSERT_TRUE(ready());
    for (int i = 0; i < 10; ++i) ASSERT_EQ(send("m", 1), send_status::sent);
    ASSERT_TRUE(loop.run_until([&] { return peer.message_count() == 10; }));
    for (const auto& message : peer.messages()) EXPECT_TRUE(message.settled);
    loop.run_for(base::milliseconds(20));
    EXPECT_TRUE(events.outcomes.empty());
}

TEST_F(uplink_test, messages_arrive_whole_and_in_order) {
    amqp_peer peer;
    start(settings_for({peer.port()}));
    open();
    ASSERT_TRUE(ready());
    // Larger than a frame, smaller than one, and empty.
    const std::vector<std::string> bodies{std::string(300'000, 'x'), "small", "", "last"};
    std::uint64_t token = 0;
    for (const auto& body : bodies) ASSERT_EQ(send(body, token++), send_status::sent);
    ASSERT_TRUE(outcomes(bodies.size()));
    const auto messages = peer.messages();
    ASSERT_EQ(messages.size(), bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        const auto expected = data_message(bodies[i]);
        EXPECT_TRUE(base::as_text(expected) == messages[i].bytes) << i;
        EXPECT_EQ(messages[i].address, "q");
    }
}

}  // namespace
}  // namespace pgw::test
