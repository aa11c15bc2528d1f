// Monotonic time. Pure code receives a time_point as an argument and never reads a clock.
#pragma once

#include <chrono>

namespace pgw::base {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;
using milliseconds = std::chrono::milliseconds;
using seconds = std::chrono::seconds;

/// The time of the present loop turn. I/O handlers refresh it when they begin; pure code behind
/// them is given the value.
struct loop_time {
    time_point now = clock::now();

    void refresh() noexcept { now = clock::now(); }
};

}  // namespace pgw::base
