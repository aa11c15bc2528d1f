// Two connected non-blocking sockets.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>

#include <stdexcept>
#include <utility>

namespace pgw::test {

inline std::pair<int, int> socket_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        throw std::runtime_error("socketpair");
    }
    return {fds[0], fds[1]};
}

}  // namespace pgw::test
