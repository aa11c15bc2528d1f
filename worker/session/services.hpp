// What a session uses of its thread.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/manifest/model/gateway.hpp"
#include "worker/bridge/publisher.hpp"
#include "worker/session/directory.hpp"
#include "worker/session/metrics.hpp"
#include "worker/session/will_queue.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace pgw::session {

/// What somebody who looks for a lost message should find in the log.
class notices {
public:
    /// The client's first publication to a topic below $SYS/: acknowledged and dropped.
    virtual void on_system_topic(std::string_view client_id, std::string_view topic) = 0;
    /// MQTT 3.x: the connection is closed because a publication was refused, which its PUBACK
    /// cannot say.
    virtual void on_refused(std::string_view client_id, std::string_view why) = 0;

protected:
    ~notices() = default;
};

/// All of it outlives the session.
struct services {
    const manifest::limits& limits;
    bridge::publisher& publisher;
    directory& clients;
    will_queue& wills;
    base::byte_budget& budget;
    session_metrics& metrics;
    notices& log;
    std::function<std::string()> assign_client_id;  ///< An id that is at home on this thread.
    bool anonymous_allowed = false;
};

}  // namespace pgw::session
