#include "worker/server/poller.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace pgw::server {
namespace {

constexpr std::size_t events_per_wake = 256;

int make_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) throw std::runtime_error("epoll_create1 failed");
    return fd;
}

}  // namespace

poller::poller(boost::asio::io_context& io, base::loop_time& time)
    : time_(time), epoll_(io, make_epoll()) {
    wait();
}

bool poller::watch(int descriptor, ready_sink& sink) noexcept {
    epoll_event event{};
    // Writability costs nothing while nobody waits for it: the kernel wakes only after a send that
    // would have blocked.
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &sink;
    return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void poller::unwatch(int descriptor) noexcept {
    epoll_event ignored{};
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, descriptor, &ignored);
}

void poller::wait() {
    epoll_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this](const boost::system::error_code& error) {
            if (error) return;
            dispatch();
            // Armed after the events were taken: what came meanwhile wakes at once, and so do
            // events beyond one batch, behind whatever else of the loop is ready.
            wait();
        }
    );
}

void poller::dispatch() {
    std::array<epoll_event, events_per_wake> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), int(events.size()), 0);
    time_.refresh();
    for (int i = 0; i < count; ++i) {
        const auto flags = events[std::size_t(i)].events;
        const bool ended = (flags & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        static_cast<ready_sink*>(events[std::size_t(i)].data.ptr)
            ->on_ready(
                {.readable = ended || (flags & EPOLLIN) != 0,
                 .writable = (flags & EPOLLOUT) != 0,
                 .ended = ended}
            );
    }
}

}  // namespace pgw::server
