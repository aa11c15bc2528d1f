// The step doubles until it reaches the maximum.
#include "common/base/backoff.hpp"

#include <algorithm>

namespace pgw::base {

milliseconds backoff::next(std::uint32_t random) noexcept {
    auto step = std::clamp(initial_.count(), milliseconds::rep{0}, maximum_.count());
    for (std::uint32_t i = 0; i < attempts_ && step < maximum_.count(); ++i) {
        step = step > maximum_.count() / 2 ? maximum_.count() : step * 2;
        if (step == 0) break;
    }
    if (attempts_ < UINT32_MAX) ++attempts_;

    // A fraction of [0, 1) of the step's second half, in 128-bit-free arithmetic: steps are far
    // below 2^31 ms in practice, and longer ones lose only precision.
    const auto half = step / 2;
    const auto fraction = static_cast<double>(random) / 4294967296.0;
    return milliseconds{
        half + static_cast<milliseconds::rep>(static_cast<double>(step - half + 1) * fraction)
    };
}

}  // namespace pgw::base
