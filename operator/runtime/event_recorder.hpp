// Events (events.k8s.io/v1) about objects, aggregated.
#pragma once

#include "common/base/log.hpp"
#include "common/kube/client.hpp"

#include <memory>
#include <string>

namespace pgw::runtime {

struct object_reference {
    std::string api_version;
    std::string kind;
    std::string ns;
    std::string name;
    std::string uid;
    std::string resource_version;
};

struct event {
    object_reference regarding;
    bool warning = false;
    std::string reason;  ///< CamelCase: RolloutStarted.
    std::string action;  ///< CamelCase: what was being done.
    std::string note;    ///< At most 1 kB; longer ones are cut.
};

/// `record` never waits. What repeats (all but the note the same) becomes a series: the first
/// repetition is written, further ones are counted and written every 30 min; a series ends after
/// 6 min of silence. A queue of 1,000, beyond it events are dropped and counted; 12 tries each.
class event_recorder {
public:
    event_recorder(
        kube::client& client,
        boost::asio::io_context& io,
        std::string controller,  ///< protocolgateway.dev/operator
        std::string instance,
        base::logger log
    );
    ~event_recorder();

    void record(event event);
    void stop();  ///< Drops what waits.

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::runtime
