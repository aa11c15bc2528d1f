// Slots hold every timer whose tick falls on them, whatever the revolution.
#include "common/base/timing_wheel.hpp"

#include <algorithm>
#include <bit>

namespace pgw::base {

namespace {

using ticks = std::chrono::duration<std::int64_t, std::ratio<50, 1000>>;
static_assert(ticks{1} == timing_wheel::tick);

std::int64_t rounded_up(time_point t) {
    return std::chrono::ceil<ticks>(t.time_since_epoch()).count();
}

std::int64_t rounded_down(time_point t) {
    return std::chrono::floor<ticks>(t.time_since_epoch()).count();
}

}  // namespace

wheel_timer::~wheel_timer() {
    if (wheel_ != nullptr) wheel_->cancel(*this);
}

timing_wheel::timing_wheel(time_point now, std::size_t slots)
    : slots_(std::bit_ceil(std::max<std::size_t>(slots, 1))), cursor_(rounded_down(now)) {}

timing_wheel::~timing_wheel() {
    const auto forget = [this](wheel_timer& timer) { disarm(timer); };
    for (auto& slot : slots_) slot.for_each(forget);
    due_.for_each(forget);
}

void timing_wheel::disarm(wheel_timer& timer) noexcept {
    intrusive_list<wheel_timer>::unlink(timer);
    timer.wheel_ = nullptr;
    --size_;
}

void timing_wheel::arm(wheel_timer& timer, time_point deadline) {
    if (timer.wheel_ != nullptr) timer.wheel_->disarm(timer);
    const auto due = std::max(rounded_up(deadline), cursor_ + 1);
    // The number of slots divides 2^64, so ticks before the epoch map consistently too.
    slots_[static_cast<std::uint64_t>(due) & (slots_.size() - 1)].push_back(timer);
    timer.wheel_ = this;
    timer.deadline_ = deadline;
    ++size_;
}

void timing_wheel::cancel(wheel_timer& timer) noexcept {
    if (timer.wheel_ != nullptr) timer.wheel_->disarm(timer);
}

void timing_wheel::advance(time_point now) {
    const auto target = rounded_down(now);
    if (target <= cursor_) return;

    // After a jump of more than a revolution every slot is visited once. All that is due is taken
    // out before anything fires, so that what a callback arms is not looked at in this call.
    const auto steps = std::min(
        static_cast<std::uint64_t>(target) - static_cast<std::uint64_t>(cursor_),
        static_cast<std::uint64_t>(slots_.size())
    );
    for (std::uint64_t step = 1; step <= steps; ++step) {
        auto& slot = slots_[(static_cast<std::uint64_t>(cursor_) + step) & (slots_.size() - 1)];
        slot.for_each([&](wheel_timer& timer) {
            if (rounded_up(timer.deadline_) > target) return;
            intrusive_list<wheel_timer>::unlink(timer);
            due_.push_back(timer);
        });
    }
    cursor_ = target;

    while (!due_.empty()) {
        auto& timer = due_.front();
        disarm(timer);
        timer.on_timer(now);
    }
}

}  // namespace pgw::base
