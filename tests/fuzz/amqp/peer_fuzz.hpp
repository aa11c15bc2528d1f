// Feeds bytes of a peer through a socket pair into a connection of ours, until it is done.
#pragma once

#include "tests/support/amqp_loop.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace pgw::test {

/// `start(stream)` begins the connection under test; it runs until `done()` or nothing moves.
template <class Start, class Done>
void feed(amqp_loop& loop, const std::uint8_t* data, std::size_t size, Start start, Done done) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) return;
    start(net::byte_stream(ends[0]));
    std::array<char, 65536> answers;
    const auto piece = std::max<std::size_t>(size / 4, 1);
    for (std::size_t at = 0; at < size && !done(); at += piece) {
        (void)::send(ends[1], data + at, std::min(piece, size - at), MSG_NOSIGNAL);
        loop.turn(std::chrono::milliseconds(0));
        loop.turn(std::chrono::milliseconds(0));
        (void)::recv(ends[1], answers.data(), answers.size(), 0);
    }
    ::shutdown(ends[1], SHUT_WR);
    for (int i = 0; i < 20 && !done(); ++i) {
        loop.turn(std::chrono::milliseconds(0));
        (void)::recv(ends[1], answers.data(), answers.size(), 0);
    }
    ::close(ends[1]);
    for (int i = 0; i < 20 && !done(); ++i) loop.turn(std::chrono::milliseconds(0));
}

}  // namespace pgw::test
