#include "worker/server/readiness.hpp"

namespace pgw::server {
namespace {

/// After this long /readyz says yes even if an upstream never came: devices may connect while it is
/// away.
constexpr base::seconds upstream_patience{30};

}  // namespace

bool readiness::on_tick(const facts& seen, base::time_point now) {
    if (stage_ != stage::starting || seen.closed_listener != nullptr || !started_) return false;
    if (!seen.upstreams_ready && now - *started_ < upstream_patience) return false;
    stage_ = stage::ready;
    return true;
}

bool readiness::drain() {
    if (stage_ == stage::draining) return false;
    stage_ = stage::draining;
    return true;
}

const char* readiness::name() const noexcept {
    switch (stage_) {
        case stage::starting:
            return "Starting";
        case stage::ready:
            return "Ready";
        case stage::draining:
            break;
    }
    return "Draining";
}

std::pair<bool, std::string> readiness::answer(const facts& seen) const {
    switch (stage_) {
        case stage::draining:
            return {false, "draining"};
        case stage::ready:
            return {true, "ok"};
        case stage::starting:
            break;
    }
    if (seen.closed_listener != nullptr) {
        return {false, "listener '" + *seen.closed_listener + "' is not open"};
    }
    return {false, "waiting for upstreams"};
}

}  // namespace pgw::server
