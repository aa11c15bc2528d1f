// Plain streams over a socket pair.
#include "common/net/byte_stream.hpp"

#include "tests/unit/net/socket_pair.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace {

using pgw::base::as_bytes;
using pgw::base::as_text;
using pgw::net::byte_stream;
using pgw::net::io_status;

struct plain_stream : testing::Test {
    plain_stream() {
        const auto [first, second] = pgw::test::socket_pair();
        a = byte_stream(first);
        b = byte_stream(second);
    }
    byte_stream a, b;
    std::array<std::byte, 64> buffer{};
};

TEST_F(plain_stream, moves_bytes_and_says_when_there_are_none) {
    EXPECT_EQ(a.handshake().status, io_status::ok);
    EXPECT_EQ(b.read(buffer).status, io_status::want_read);
    const auto written = a.write(as_bytes("hello"));
    EXPECT_EQ(written.status, io_status::ok);
    EXPECT_EQ(written.transferred, 5u);
    const auto got = b.read(buffer);
    ASSERT_EQ(got.status, io_status::ok);
    EXPECT_EQ(as_text(std::span(buffer).first(got.transferred)), "hello");
    EXPECT_FALSE(b.has_pending());
    EXPECT_FALSE(b.is_tls());
}

TEST_F(plain_stream, writing_nothing_is_ok) {
    EXPECT_EQ(a.write({}).status, io_status::ok);
}

TEST_F(plain_stream, full_socket_wants_to_be_writable) {
    const std::vector<std::byte> block(64 * 1024);
    auto result = a.write(block);
    for (int i = 0; i < 1000 && result.status == io_status::ok; ++i) result = a.write(block);
    EXPECT_EQ(result.status, io_status::want_write);
    EXPECT_EQ(result.transferred, 0u);
}

TEST_F(plain_stream, shutdown_is_seen_as_closed_while_the_other_direction_works) {
    a.shutdown();
    EXPECT_EQ(b.read(buffer).status, io_status::closed);
    EXPECT_EQ(b.write(as_bytes("late")).status, io_status::ok);
    EXPECT_EQ(a.read(buffer).transferred, 4u);
}

TEST_F(plain_stream, writing_to_a_peer_that_is_gone_fails_without_a_signal) {
    b.close();
    EXPECT_EQ(a.write(as_bytes("x")).status, io_status::failed);
    EXPECT_EQ(a.error_text(), "Broken pipe");
}

TEST_F(plain_stream, move_transfers_the_descriptor) {
    const int fd = a.fd();
    byte_stream moved = std::move(a);
    EXPECT_EQ(moved.fd(), fd);
    EXPECT_TRUE(moved.open());
    b = std::move(moved);  // closes what b held
    EXPECT_EQ(b.fd(), fd);
    EXPECT_EQ(b.read(buffer).status, io_status::closed);
}

TEST(byte_stream, default_constructed_is_not_open) {
    byte_stream none;
    EXPECT_FALSE(none.open());
    none.shutdown();
    none.close();
    EXPECT_EQ(none.error_text(), "");
}

}  // namespace
