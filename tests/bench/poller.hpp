// epoll and loopback sockets for the bench programs: one thread, level-triggered, one handler per
// descriptor.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace pgw::bench {

/// What a descriptor's events are delivered to. Must outlive its registration.
class event_handler {
public:
    virtual ~event_handler() = default;
    virtual void on_ready(std::uint32_t events) = 0;
};

class poller {
public:
    poller();
    ~poller();
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;

    void add(int descriptor, std::uint32_t events, event_handler& handler);
    void modify(int descriptor, std::uint32_t events, event_handler& handler);
    /// Also removes what is still queued for the handler in the turn that is under way.
    void remove(int descriptor, event_handler& handler);
    /// Waits at most `timeout` and calls the handlers of what is ready.
    void turn(std::chrono::nanoseconds timeout);
    /// When the last wait ended, in nanoseconds of now_ns().
    std::uint64_t woke_at() const noexcept { return woke_at_; }

private:
    static constexpr int capacity = 512;
    int epoll_;
    int ready_ = 0;
    std::uint64_t woke_at_ = 0;
    epoll_event events_[capacity];
};

/// Monotonic nanoseconds, the bench programs' one clock.
std::uint64_t now_ns() noexcept;

/// Non-blocking, TCP_NODELAY. They end the program with a message when the system refuses.
int listen_on(std::uint16_t port);
int accept_from(int listener) noexcept;  ///< -1: nothing there.
/// The connect is under way when this returns: writability or SO_ERROR follows, refusal included.
int start_connect(const std::string& host, std::uint16_t port);

[[noreturn]] void fail(const std::string& what);

}  // namespace pgw::bench
