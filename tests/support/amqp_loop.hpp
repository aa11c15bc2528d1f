// A loop for the AMQP engine in tests: turns of io, flush and timers, run by the test's own thread.
#pragma once

#include "worker/amqp/uplink.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <random>

namespace pgw::test {

class amqp_loop {
public:
    amqp::engine_context context() {
        return {io_, flush_, wheel_, [this] { return static_cast<std::uint32_t>(random_()); }};
    }
    boost::asio::io_context& io() { return io_; }

    void turn(std::chrono::milliseconds wait = std::chrono::milliseconds(5)) {
        io_.run_one_for(wait);
        for (int i = 0; i < 64 && io_.poll_one() > 0; ++i) {
        }
        wheel_.advance(base::clock::now());
        flush_.run();
    }

    /// False when the time is over first.
    template <class Condition>
    bool run_until(
        Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)
    ) {
        const auto end = base::clock::now() + limit;
        while (!condition()) {
            if (base::clock::now() >= end) return false;
            turn();
        }
        return true;
    }
    void run_for(std::chrono::milliseconds time) {
        run_until([] { return false; }, time);
    }

private:
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor(
    )};
    base::flush_queue flush_;
    base::timing_wheel wheel_{base::clock::now()};
    std::mt19937 random_{20240601};
};

}  // namespace pgw::test
