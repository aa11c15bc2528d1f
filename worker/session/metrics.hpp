// What the sessions of one thread count.
#pragma once

#include "common/base/metrics.hpp"
#include "worker/session/close_cause.hpp"

#include <array>

namespace pgw::session {

/// Single-writer counters of one thread.
struct session_metrics {
    base::counter connects_v3;
    base::counter connects_v5;
    base::counter publishes_qos0;
    base::counter publishes_qos1;
    base::counter pubacks;
    base::counter payload_bytes;
    base::counter publishes_too_deep;  ///< Refused or dropped for their number of topic levels.
    base::counter qos0_refused;        ///< QoS 0 publications that were not taken; nobody is told.
    base::counter wills_published;
    base::counter wills_lost;      ///< They found no room in time, or cannot be decoded.
    base::counter wills_delayed;   ///< They had to wait for room; each is counted once more.
    base::counter system_dropped;  ///< To $SYS/…: acknowledged and dropped.
    std::array<base::counter, close_cause_count> closes;
    base::gauge connected;  ///< CONNACK sent, not closed.
    base::gauge paused;
    base::gauge wills_waiting;
};

}  // namespace pgw::session
