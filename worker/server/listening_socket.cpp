#include "worker/server/listening_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace pgw::server {
namespace {

/// What the kernel may hold for one device in each direction (it doubles both for its own needs).
/// Left to itself it grows them to megabytes for a peer that does not read, or that we do not read
/// from, which no budget of ours sees. 128 KiB carry 10 Mbit/s over 100 ms.
constexpr int receive_buffer = 128 << 10;
constexpr int send_buffer = 64 << 10;

using addrinfo_ptr = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

[[noreturn]] void fail(const std::string& address, std::uint16_t port, const std::string& why) {
    throw std::runtime_error(
        "cannot listen on " + address + ":" + std::to_string(port) + ": " + why
    );
}

int open_socket(const addrinfo& info, bool shared) {
    const int fd = socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    // Inherited by what is accepted.
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, info.ai_addr, info.ai_addrlen) != 0) {
        const int error = errno;
        ::close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

void set_port(addrinfo& info, std::uint16_t port) {
    if (info.ai_family == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(info.ai_addr)->sin6_port = htons(port);
    } else {
        reinterpret_cast<sockaddr_in*>(info.ai_addr)->sin_port = htons(port);
    }
}

std::uint16_t bound_port(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
    return ntohs(
        storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                                      : reinterpret_cast<sockaddr_in*>(&storage)->sin_port
    );
}

}  // namespace

std::vector<int> listen_all(const std::string& address, std::uint16_t& port, std::size_t count) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error =
            getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
        error != 0) {
        fail(address, port, gai_strerror(error));
    }
    const addrinfo_ptr info(found, &freeaddrinfo);

    // Without SO_REUSEPORT this bind fails when anyone listens there, whatever they set.
    const int probe = open_socket(*info, false);
    if (probe < 0) fail(address, port, std::strerror(errno));
    if (port == 0) {
        port = bound_port(probe);
        set_port(*info, port);
    }
    ::close(probe);

    std::vector<int> sockets;
    for (std::size_t i = 0; i < count; ++i) {
        const int fd = open_socket(*info, true);
        if (fd < 0 || listen(fd, SOMAXCONN) != 0) {
            const int error = errno;
            if (fd >= 0) ::close(fd);
            for (const int opened : sockets) ::close(opened);
            fail(address, port, std::strerror(error));
        }
        sockets.push_back(fd);
    }
    return sockets;
}

}  // namespace pgw::server
