// Events (events.k8s.io/v1) about objects, aggregated.
#pragma once

#include "common/base/log.hpp"
#include "common/kube/client.hpp"
#include "operator/runtime/event.hpp"

#include <memory>
#include <string>

namespace pgw::runtime {

/// `record` never waits. What repeats (all but the note the same) becomes a series: the first
/// repetition is written, further ones are counted and written every 30 min; a series ends after
/// 6 min of silence (`event_aggregator`). A queue of 1,000, beyond it events are dropped and
/// counted in the log. Each has 12 tries about 10 s apart, as long as the server cannot answer;
/// what it refuses is not repeated. On the io_context's one thread.
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

    void record(const event& what);
    void stop();  ///< Drops what waits.

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::runtime
