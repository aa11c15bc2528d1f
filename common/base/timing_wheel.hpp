// A hashed timing wheel: thousands of deadlines that are mostly cancelled or moved, O(1) each, no
// allocation. Pure: time is an argument.
#pragma once

#include "common/base/clock.hpp"
#include "common/base/intrusive_list.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pgw::base {

class timing_wheel;

/// A deadline. Embed or derive; it fires at most once per arming and unlinks itself when destroyed.
class wheel_timer : private list_link<wheel_timer> {
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
    friend class intrusive_list<wheel_timer>;
    timing_wheel* wheel_ = nullptr;
    time_point deadline_{};
};

/// One a thread. A timer fires in the first `advance(now)` with now >= deadline, rounded up to the
/// tick; never before its deadline, and in no promised order among those due at once.
class timing_wheel {
public:
    static constexpr milliseconds tick{50};

    /// `slots` is rounded up to a power of two. Deadlines beyond one revolution cost a visit a
    /// revolution.
    explicit timing_wheel(time_point now, std::size_t slots = 512);
    ~timing_wheel();  ///< Disarms what is armed.
    timing_wheel(const timing_wheel&) = delete;
    timing_wheel& operator=(const timing_wheel&) = delete;

    /// Re-arms an armed one, also one of another wheel. A deadline that has passed fires at the
    /// next tick, never in the `advance` that is running.
    void arm(wheel_timer& timer, time_point deadline);
    void cancel(wheel_timer& timer) noexcept;  ///< Nothing happens to one that is not armed.
    /// Fires what is due. A firing timer may arm, cancel and destroy any timer, itself included;
    /// a due timer that an earlier one cancelled does not fire. Time that goes backwards is
    /// ignored. Not reentrant.
    void advance(time_point now);
    std::size_t size() const noexcept { return size_; }

private:
    void disarm(wheel_timer& timer) noexcept;

    std::vector<intrusive_list<wheel_timer>> slots_;
    intrusive_list<wheel_timer> due_;  // taken out of the slots by the running advance
    std::int64_t cursor_;              // the last tick that was dealt with, counted from the epoch
    std::size_t size_ = 0;
};

}  // namespace pgw::base
