// Sharing a port among our threads, and with nobody else.
#include "worker/server/listening_socket.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

namespace {

using pgw::server::listen_all;

TEST(listening_socket, every_thread_gets_a_descriptor_on_the_same_port) {
    std::uint16_t port = 0;
    const auto sockets = listen_all("127.0.0.1", port, 3);
    EXPECT_EQ(sockets.size(), 3u);
    EXPECT_NE(port, 0);
    for (const int fd : sockets) ::close(fd);
}

TEST(listening_socket, a_taken_port_is_an_error_in_spite_of_reuseport) {
    std::uint16_t port = 0;
    const auto sockets = listen_all("127.0.0.1", port, 1);
    try {
        auto same = port;
        listen_all("127.0.0.1", same, 1);
        ADD_FAILURE() << "a second listener on the same port was allowed";
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << text;
        EXPECT_NE(text.find("in use"), std::string::npos) << text;
    }
    for (const int fd : sockets) ::close(fd);
}

TEST(listening_socket, an_address_that_is_none_of_ours_is_an_error) {
    std::uint16_t port = 0;
    EXPECT_THROW(listen_all("192.0.2.1", port, 1), std::runtime_error);
    EXPECT_THROW(listen_all("not an address", port, 1), std::runtime_error);
}

}  // namespace
