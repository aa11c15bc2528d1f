// Exponential backoff with full jitter. Pure: the random number is an argument.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>

namespace pgw::base {

/// Delays grow from `initial` by doubling to `maximum`; each is drawn from [half, whole] of the
/// step so that a fleet spreads out.
class backoff {
public:
    backoff(milliseconds initial, milliseconds maximum) noexcept
        : initial_(initial), maximum_(maximum) {}

    /// The delay before the next attempt. `random` is uniform over all 32-bit values.
    milliseconds next(std::uint32_t random) noexcept;
    void reset() noexcept { attempts_ = 0; }
    std::uint32_t attempts() const noexcept { return attempts_; }

private:
    milliseconds initial_;
    milliseconds maximum_;
    std::uint32_t attempts_ = 0;
};

}  // namespace pgw::base
