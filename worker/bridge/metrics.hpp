// What the bridge counts, one struct a thread.
#pragma once

#include "common/base/metrics.hpp"

namespace pgw::bridge {

struct publisher_metrics {
    base::counter received;  ///< Messages submitted, blocked ones once.
    base::counter accepted;
    base::counter refused;
    base::counter
        discarded;  ///< Acknowledged though refused, by onRefused or the unmatched policy.
    base::counter dead_lettered;
    base::counter expired;
    base::counter timed_out;  ///< No outcome within deliveryTimeout.
    base::counter dropped;    ///< At-most-once messages without credit within qos0Wait.
    base::counter resent;     ///< Sends after the first, for any cause.
    base::counter unmatched;
    base::counter
        bound_exceeded;  ///< Refused: larger than the encoder's own bound. A fault of ours.
    base::counter possible_duplicates;  ///< Resent while in doubt.
    base::gauge in_flight;              ///< Taken, without a result.
    base::gauge in_flight_bytes;
    base::histogram latency;  ///< From submission to the result.
};

}  // namespace pgw::bridge
