// Makes uplinks: the client role of the engine on Proton's connection driver, driven by the
// thread's own loop.
#pragma once

#include "common/base/log.hpp"
#include "worker/amqp/engine.hpp"
#include "worker/amqp/link.hpp"

#include <memory>

namespace pgw::amqp {

/// Starts connecting at once (in the next loop turn). Destroying it drops the connection.
std::unique_ptr<uplink> make_uplink(
    engine_context context,
    uplink_settings settings,
    uplink_metrics& metrics,
    const base::logger& log
);

}  // namespace pgw::amqp
