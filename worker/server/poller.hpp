// The sockets of one thread's devices: readiness without a system call of ours per wait.
//
// Asio arms every wait with an epoll_ctl. Here a descriptor is registered once, edge-triggered, in
// an epoll of its own, and Asio waits for that epoll as a whole: one wake-up serves up to 256
// sockets.
#pragma once

#include "common/base/clock.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>

namespace pgw::server {

/// What the kernel said about a socket since it was last looked at.
struct readiness_change {
    bool readable = false;
    bool writable = false;
    bool ended = false;  ///< The peer closed or the connection broke: no further edge announces it.
};

class ready_sink {
public:
    /// An edge: look until the socket would block, or remember that there is more.
    virtual void on_ready(readiness_change change) = 0;

protected:
    ~ready_sink() = default;
};

/// One a thread. A sink that is no longer watched may still be called until the present loop turn
/// ends, so it must live that long and know that it is closed.
class poller {
public:
    poller(boost::asio::io_context& io, base::loop_time& time);

    /// False: the kernel has no room, errno says why.
    bool watch(int descriptor, ready_sink& sink) noexcept;
    void unwatch(int descriptor) noexcept;

private:
    void wait();
    void dispatch();

    base::loop_time& time_;
    boost::asio::posix::stream_descriptor epoll_;
};

}  // namespace pgw::server
