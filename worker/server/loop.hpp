// One thread's event loop: run what is ready, then flush once.
#pragma once

#include "common/base/clock.hpp"
#include "common/base/flush_queue.hpp"
#include "common/base/timing_wheel.hpp"
#include "worker/server/poller.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <random>
#include <vector>

namespace pgw::server {

/// Everything in it is used by its own thread only, except io().post and stop().
class loop {
public:
    loop();

    /// Runs until stop(). A turn is one handler, a bounded number of others that are ready, then a
    /// flush of every connection that has something to write. It may run again afterwards.
    void run();
    /// From any thread.
    void stop();

    boost::asio::io_context& io() noexcept { return io_; }
    base::flush_queue& flush() noexcept { return flush_; }
    base::timing_wheel& wheel() noexcept { return wheel_; }
    base::loop_time& time() noexcept { return time_; }
    const base::loop_time& time() const noexcept { return time_; }
    server::poller& poller() noexcept { return poller_; }
    std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }
    std::uint64_t random64() { return (std::uint64_t{random()} << 32) | random(); }

    /// Called at every tick of the wheel (50 ms), after its timers.
    void on_tick(std::function<void(base::time_point)> callback);

private:
    void arm();

    base::loop_time time_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    server::poller poller_;
    base::flush_queue flush_;
    base::timing_wheel wheel_;
    boost::asio::steady_timer timer_;
    std::vector<std::function<void(base::time_point)>> ticks_;
    std::mt19937 random_;
    bool stopped_ = false;
};

}  // namespace pgw::server
