// What the engine's parts share: what they need of their thread, their counters, an upstream's settings.
#pragma once

#include "common/base/flush_queue.hpp"
#include "common/base/metrics.hpp"
#include "common/base/timing_wheel.hpp"
#include "common/manifest/model/gateway.hpp"
#include "common/net/tls_context.hpp"
#include "worker/amqp/upstream_secrets.hpp"

#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace pgw::amqp {

/// What an uplink needs of its thread. All of it outlives the uplink.
struct engine_context {
    boost::asio::io_context& io;
    base::flush_queue& flush;
    base::timing_wheel& wheel;
    std::function<std::uint32_t()> random;
    base::loop_time* time = nullptr;  ///< Refreshed when socket input arrives, if set.

    /// The time of the present turn, where the thread keeps one.
    base::time_point now() const { return time != nullptr ? time->now : base::clock::now(); }
};

/// Single-writer counters of one uplink.
struct uplink_metrics {
    base::counter connects;
    base::counter connection_failures;
    base::counter messages_sent;
    base::counter outcomes_accepted;
    base::counter outcomes_rejected;
    base::counter outcomes_released;
    base::counter outcomes_modified;
    base::counter outcomes_other;  ///< Settled without state, or a state that is no outcome.
    base::counter lost_in_doubt;   ///< Unsettled deliveries when a link was lost.
    base::gauge connected;         ///< 0 or 1.
    base::gauge credit;            ///< Over all its links.
};

struct uplink_settings {
    std::string container_id;
    manifest::upstream upstream;
    std::shared_ptr<const upstream_secrets> secrets;  ///< Null: none are needed.
    std::shared_ptr<net::tls_context> tls;            ///< For amqps endpoints.
};

}  // namespace pgw::amqp
