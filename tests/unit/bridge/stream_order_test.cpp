// The streams of one client wait for each other in the order in which they were opened.
#include "tests/unit/bridge/publisher_fixture.hpp"

namespace {

using namespace pgw;
using bridge::submit_status;

class stream_order : public test::publisher_fixture {
protected:
    void SetUp() override { build(test::one_route()); }
    void accept(std::size_t sent) { acked().accept(acked().sent[sent].token); }
};

TEST_F(stream_order, next_connection_waits_for_the_publications_of_the_last) {
    test::recording_sink one;
    test::recording_sink two;
    auto first = open(one);
    publish(*first, "a");
    first.reset();
    auto second = open(two);
    EXPECT_EQ(publish(*second, "b").status, submit_status::blocked);
    accept(0);
    EXPECT_EQ(two.capacity, 1);
    EXPECT_EQ(publish(*second, "b").status, submit_status::taken);
    EXPECT_EQ(payloads(acked()), "ab");
    second.reset();
    accept(1);
}

TEST_F(stream_order, stream_that_was_handed_over_keeps_its_place) {
    test::recording_sink client;
    test::recording_sink heir;
    test::recording_sink next;
    auto first = open(client);
    publish(*first, "a");
    first.reset();
    // The second connection is blocked and ends; what it still has to say is another's now.
    auto second = open(client);
    EXPECT_EQ(publish(*second, "w").status, submit_status::blocked);
    second->hand_over(heir);
    auto third = open(next);
    EXPECT_EQ(publish(*third, "c").status, submit_status::blocked);
    accept(0);
    EXPECT_EQ(heir.capacity, 1);
    EXPECT_EQ(next.capacity, 0) << "not before the one in front of it";
    EXPECT_EQ(publish(*second, "w").status, submit_status::taken);
    second.reset();
    EXPECT_EQ(publish(*third, "c").status, submit_status::blocked);
    accept(1);
    EXPECT_EQ(next.capacity, 1);
    EXPECT_EQ(publish(*third, "c").status, submit_status::taken);
    EXPECT_EQ(payloads(acked()), "awc");
    third.reset();
    accept(2);
}

TEST_F(stream_order, handed_over_stream_that_nothing_held_back_holds_back_later_ones) {
    test::recording_sink heir;
    test::recording_sink next;
    auto first = open(heir);
    first->hand_over(heir);
    auto second = open(next);
    EXPECT_EQ(publish(*second, "b").status, submit_status::blocked);
    first.reset();
    EXPECT_EQ(next.capacity, 1);
    EXPECT_EQ(publish(*second, "b").status, submit_status::taken);
    accept(0);
}

TEST_F(stream_order, whoever_leaves_the_middle_leaves_the_order_of_the_others) {
    test::recording_sink sinks[4];
    auto first = open(sinks[0]);
    publish(*first, "a");
    first.reset();
    auto second = open(sinks[1]);
    auto third = open(sinks[2]);
    publish(*third, "c");
    second.reset();
    EXPECT_EQ(publish(*third, "c").status, submit_status::blocked);
    auto fourth = open(sinks[3]);
    publish(*fourth, "d");
    third.reset();
    accept(0);
    EXPECT_EQ(sinks[3].capacity, 1);
    EXPECT_EQ(publish(*fourth, "d").status, submit_status::taken);
    EXPECT_EQ(payloads(acked()), "ad");
    fourth.reset();
    accept(1);
}

TEST_F(stream_order, other_clients_wait_for_nobody) {
    test::recording_sink sink;
    auto first = open(sink, "c1");
    publish(*first, "a");
    first.reset();
    auto other = open(sink, "c2");
    EXPECT_EQ(publish(*other, "b").status, submit_status::taken);
    other.reset();
}

TEST_F(stream_order, end_of_the_publisher_with_streams_in_every_state_leaks_nothing) {
    test::recording_sink sink;
    for (const char* id : {"c1", "c2"}) {
        auto first = open(sink, id);
        publish(*first, "a");
        first.reset();
        auto second = open(sink, id);
        publish(*second, "b");
        second->hand_over(sink);
    }
}

}  // namespace
