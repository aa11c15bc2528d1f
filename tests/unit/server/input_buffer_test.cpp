// The bytes that wait: in order, charged, and without being copied at every read.
#include "worker/server/input_buffer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace pgw;
using server::input_buffer;

std::string text(const input_buffer& buffer) {
    return std::string(base::as_text(buffer.bytes()));
}

TEST(input_buffer, keeps_order_and_gives_everything_back) {
    base::byte_budget budget(1 << 20);
    input_buffer buffer(budget);
    EXPECT_TRUE(buffer.append(base::as_bytes("abc")));
    EXPECT_TRUE(buffer.append({}));
    EXPECT_TRUE(buffer.append(base::as_bytes("def")));
    EXPECT_EQ(text(buffer), "abcdef");
    EXPECT_EQ(budget.used(), buffer.held());
    buffer.consume(2);
    EXPECT_EQ(text(buffer), "cdef");
    EXPECT_TRUE(buffer.append(base::as_bytes("ghi")));
    EXPECT_EQ(text(buffer), "cdefghi");
    buffer.consume(7);
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(budget.used(), 0u) << "an idle connection holds nothing";
}

TEST(input_buffer, budget_bounds_it_and_a_refusal_leaves_what_is_there) {
    base::byte_budget budget(16);
    input_buffer buffer(budget);
    EXPECT_TRUE(buffer.append(base::as_bytes("0123456789")));
    EXPECT_FALSE(buffer.append(base::as_bytes("0123456789")));
    EXPECT_EQ(text(buffer), "0123456789");
    buffer.consume(6);
    EXPECT_TRUE(buffer.append(base::as_bytes("abcdefgh"))) << "consumed bytes make room";
    EXPECT_EQ(text(buffer), "6789abcdefgh");
}

TEST(input_buffer, large_packet_in_small_reads_is_moved_a_few_times_only) {
    base::byte_budget budget(std::size_t{64} << 20);
    input_buffer buffer(budget);
    int moves = 0;
    const std::byte* place = nullptr;
    for (int i = 0; i < 16 * 1024; ++i) {
        const auto room = buffer.room(1024);
        ASSERT_EQ(room.size(), 1024u);
        buffer.commit(1024);
        if (buffer.bytes().data() != place) ++moves;
        place = buffer.bytes().data();
    }
    EXPECT_EQ(buffer.size(), std::size_t{16} << 20);
    EXPECT_LE(moves, 15);
    EXPECT_LE(buffer.held(), std::size_t{16} << 20) << "and never twice its size";
}

}  // namespace
