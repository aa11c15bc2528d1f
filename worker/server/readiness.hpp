// Whether the worker should get clients: what /readyz says, decided.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace pgw::server {

/// Pure. Ready is reached once and kept until the drain: an upstream that goes away later is not a
/// reason to send devices elsewhere, where it is away too.
class readiness {
public:
    enum class stage : std::uint8_t {
        starting,  ///< A listener is not open, or the upstreams are awaited.
        ready,
        draining,
    };

    struct facts {
        const std::string* closed_listener = nullptr;  ///< The first that is not open.
        bool upstreams_ready = false;                  ///< Each is connected, with its links.
    };

    /// Upstreams are awaited from here on.
    void start(base::time_point now) { started_ = now; }
    /// Whether it has become ready just now.
    bool on_tick(const facts& seen, base::time_point now);
    /// Whether the drain begins with this call.
    bool drain();

    stage where() const noexcept { return stage_; }
    const char* name() const noexcept;
    /// For /readyz: yes or no, and why.
    std::pair<bool, std::string> answer(const facts& seen) const;

private:
    stage stage_ = stage::starting;
    std::optional<base::time_point> started_;
};

}  // namespace pgw::server
