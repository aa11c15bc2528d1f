#include "worker/server/drain_machine.hpp"

#include "common/base/timing_wheel.hpp"

#include <algorithm>
#include <utility>

namespace pgw::server {
namespace {

/// However long the drain may take, so many are told at each tick.
constexpr std::size_t least_per_tick = 64;
/// What publications may still take after the deadline, once their clients are gone.
constexpr base::seconds grace{1};
/// What the upstreams may take to answer a close.
constexpr base::seconds farewell{5};

}  // namespace

void drain_machine::begin(base::time_point now, base::milliseconds timeout) {
    const auto deadline = now + timeout;
    if (stage_ == stage::serving) {
        stage_ = stage::clients;
        deadline_ = deadline;
    } else if (stage_ == stage::clients) {
        deadline_ = std::min(deadline_, deadline);
    }
}

drain_machine::step drain_machine::on_tick(const facts& seen, base::time_point now) {
    step next;
    switch (stage_) {
        case stage::serving:
        case stage::over:
            break;
        case stage::clients: {
            if (now >= deadline_) {
                next.close_clients = !std::exchange(closed_clients_, true);
            } else {
                // Paced, so that reconnects do not come at once: everyone is told within half of
                // the time left.
                const auto left = std::chrono::duration_cast<base::milliseconds>(deadline_ - now);
                const auto ticks = std::max<std::int64_t>(1, left / base::timing_wheel::tick / 2);
                next.tell =
                    std::min(seen.untold, seen.connections / std::size_t(ticks) + least_per_tick);
            }
            const bool settled = seen.connections == 0 && seen.unsettled == 0;
            if (!settled && now < deadline_ + grace) break;
            stage_ = stage::upstreams;
            deadline_ = now + farewell;
            next.close_upstreams = true;
            break;
        }
        case stage::upstreams:
            // A peer that never answers the close must not hold the process.
            if (!seen.upstreams_closed && now < deadline_) break;
            stage_ = stage::over;
            next.end = true;
            break;
    }
    return next;
}

}  // namespace pgw::server
