// A hashed timing wheel: thousands of deadlines that are mostly cancelled or moved, O(1) each, no
// allocation. Pure: time is an argument.
#pragma once

#include "common/base/clock.hpp"

#include <cstddef>
#include <vector>

namespace pgw::base {

class timing_wheel;

/// A deadline. Embed or derive; it fires at most once per arming and unlinks itself when destroyed.
class wheel_timer {
public:
    wheel_timer() = default;
    wheel_timer(const wheel_timer&) = delete;
    wheel_timer& operator=(const wheel_timer&) = delete;
    virtual ~wheel_timer();

    virtual void on_timer(time_point now) = 0;
    bool armed() const noexcept { return wheel_ != nullptr; }
    time_point deadline() const noexcept { return deadline_; }

private:
    friend class timing_wheel;
    timing_wheel* wheel_ = nullptr;
    wheel_timer* next_ = nullptr;
    wheel_timer* previous_ = nullptr;
    time_point deadline_{};
};

/// One a thread. A timer fires in the first `advance(now)` with now >= deadline, rounded up to the
/// tick.
class timing_wheel {
public:
    static constexpr milliseconds tick{50};

    explicit timing_wheel(time_point now, std::size_t slots = 512);
    ~timing_wheel();

    void arm(wheel_timer& timer, time_point deadline);  ///< Re-arms an armed one.
    void cancel(wheel_timer& timer) noexcept;
    /// Fires what is due. A firing timer may arm, cancel and destroy any timer, itself included.
    void advance(time_point now);
    std::size_t size() const noexcept { return size_; }

private:
    std::vector<wheel_timer*> slots_;
    time_point cursor_;
    std::size_t size_ = 0;
};

}  // namespace pgw::base
