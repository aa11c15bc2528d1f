// Flush queue: order, idempotence, and items that go away at bad moments.
#include "common/base/flush_queue.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace {

using pgw::base::flush_queue;
using pgw::base::flushable;
using stage = flush_queue::stage;

struct item final : flushable {
    item(std::string& trace, char name) : trace_(trace), name_(name) {}
    void flush() override {
        trace_ += name_;
        if (action) action();
    }
    std::function<void()> action;

private:
    std::string& trace_;
    char name_;
};

struct flush_queue_test : testing::Test {
    flush_queue queue;
    std::string trace;
    item a{trace, 'a'}, b{trace, 'b'}, c{trace, 'c'};
};

TEST_F(flush_queue_test, upstream_items_are_flushed_before_device_items_in_marking_order) {
    queue.mark(b, stage::device);
    queue.mark(a, stage::upstream);
    queue.mark(c, stage::device);
    EXPECT_FALSE(queue.run());
    EXPECT_EQ(trace, "abc");
    EXPECT_TRUE(queue.empty());
}

TEST_F(flush_queue_test, marking_twice_flushes_once) {
    queue.mark(a, stage::device);
    queue.mark(a, stage::device);
    queue.mark(a, stage::upstream);
    queue.run();
    EXPECT_EQ(trace, "a");
    EXPECT_FALSE(a.marked());
}

TEST_F(flush_queue_test, device_marked_by_an_upstream_flush_leaves_in_the_same_round) {
    a.action = [&] { queue.mark(b, stage::device); };
    queue.mark(a, stage::upstream);
    EXPECT_FALSE(queue.run(1));
    EXPECT_EQ(trace, "ab");
}

TEST_F(flush_queue_test, rounds_bound_items_that_mark_themselves_for_ever) {
    a.action = [&] { queue.mark(a, stage::device); };
    queue.mark(a, stage::device);
    EXPECT_TRUE(queue.run(3));
    EXPECT_EQ(trace, "aaa");
    EXPECT_TRUE(a.marked());
}

TEST_F(flush_queue_test, destruction_unmarks) {
    auto gone = std::make_unique<item>(trace, 'x');
    queue.mark(a, stage::device);
    queue.mark(*gone, stage::device);
    queue.mark(b, stage::device);
    gone.reset();
    queue.run();
    EXPECT_EQ(trace, "ab");
}

TEST_F(flush_queue_test, item_destroyed_by_an_earlier_one_of_the_same_pass_is_not_flushed) {
    auto gone = std::make_unique<item>(trace, 'x');
    a.action = [&] { gone.reset(); };
    queue.mark(a, stage::device);
    queue.mark(*gone, stage::device);
    queue.mark(b, stage::device);
    queue.run();
    EXPECT_EQ(trace, "ab");
}

TEST_F(flush_queue_test, item_may_destroy_itself) {
    auto gone = std::make_unique<item>(trace, 'x');
    gone->action = [&] { gone.reset(); };
    queue.mark(*gone, stage::device);
    queue.mark(a, stage::device);
    queue.run();
    EXPECT_EQ(trace, "xa");
}

TEST_F(flush_queue_test, queue_destroyed_first_forgets_its_items) {
    {
        flush_queue shorter;
        shorter.mark(a, stage::device);
        shorter.mark(b, stage::upstream);
    }
    EXPECT_FALSE(a.marked());
    queue.mark(a, stage::device);
    queue.run();
    EXPECT_EQ(trace, "a");
}

}  // namespace
