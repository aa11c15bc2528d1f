// The drain of one thread, decided: whom to tell when, when to close what is left, when to end.
#pragma once

#include "common/base/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace pgw::server {

/// Pure; driven about every 50 ms.
class drain_machine {
public:
    enum class stage : std::uint8_t {
        serving,    ///< No drain has been asked for.
        clients,    ///< Clients are told, and their last publications await an outcome.
        upstreams,  ///< Nothing is left to send: the upstream connections close.
        over,       ///< The loop may end.
    };

    struct facts {
        std::size_t untold = 0;         ///< Connections that were not told yet.
        std::size_t connections = 0;    ///< All that are open.
        std::size_t unsettled = 0;      ///< Publications and Wills without an outcome.
        bool upstreams_closed = false;  ///< Each said so.
    };

    struct step {
        std::size_t tell = 0;          ///< So many connections more are told.
        bool close_clients = false;    ///< Once: who is still here is disconnected.
        bool close_upstreams = false;  ///< Once.
        bool end = false;              ///< Once.
    };

    /// A second call can only shorten the time.
    void begin(base::time_point now, base::milliseconds timeout);
    step on_tick(const facts& seen, base::time_point now);

    stage where() const noexcept { return stage_; }
    /// Who connects now is told at once.
    bool draining() const noexcept { return stage_ != stage::serving; }

private:
    stage stage_ = stage::serving;
    base::time_point deadline_{};
    bool closed_clients_ = false;
};

}  // namespace pgw::server
