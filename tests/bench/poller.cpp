// epoll and loopback sockets for the bench programs.
#include "tests/bench/poller.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace pgw::bench {

void fail(const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

std::uint64_t now_ns() noexcept {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(time.tv_nsec);
}

poller::poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
}

poller::~poller() {
    close(epoll_);
}

void poller::add(int descriptor, std::uint32_t events, event_handler& handler) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl add");
}

void poller::modify(int descriptor, std::uint32_t events, event_handler& handler) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) != 0) fail("epoll_ctl mod");
}

void poller::remove(int descriptor, event_handler& handler) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    for (int i = 0; i < ready_; ++i) {
        if (events_[i].data.ptr == &handler) events_[i].data.ptr = nullptr;
    }
}

void poller::turn(std::chrono::nanoseconds timeout) {
    timespec wait{};
    wait.tv_sec = timeout.count() / 1'000'000'000;
    wait.tv_nsec = timeout.count() % 1'000'000'000;
    ready_ = epoll_pwait2(epoll_, events_, capacity, &wait, nullptr);
    if (ready_ < 0 && errno == ENOSYS) {
        // valgrind does not know the call; milliseconds do under it.
        const auto milliseconds = (timeout.count() + 999'999) / 1'000'000;
        ready_ = epoll_wait(epoll_, events_, capacity, static_cast<int>(milliseconds));
    }
    woke_at_ = now_ns();
    for (int i = 0; i < ready_; ++i) {
        auto* handler = static_cast<event_handler*>(events_[i].data.ptr);
        if (handler != nullptr) handler->on_ready(events_[i].events);
    }
    ready_ = 0;
}

namespace {

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
        errno = EINVAL;
        fail("not an IPv4 address: " + host);
    }
    return address;
}

void no_delay(int descriptor) {
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

int listen_on(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("socket");
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = address_of("127.0.0.1", port);
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        fail("bind to port " + std::to_string(port));
    }
    if (listen(descriptor, 1024) != 0) fail("listen");
    return descriptor;
}

int accept_from(int listener) noexcept {
    const int descriptor = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) no_delay(descriptor);
    return descriptor;
}

int start_connect(const std::string& host, std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("socket");
    no_delay(descriptor);
    const auto address = address_of(host, port);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS && errno != ECONNREFUSED) {
        fail("connect to port " + std::to_string(port));
    }
    return descriptor;
}

}  // namespace pgw::bench
