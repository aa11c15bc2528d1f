// Merges the threads' reports.
#include "worker/server/status.hpp"

#include "version.hpp"
#include "worker/server/worker_thread.hpp"

#include <boost/json.hpp>

namespace pgw::server {
namespace {

const char* name(amqp::uplink_state state) {
    switch (state) {
        case amqp::uplink_state::connecting:
            return "Connecting";
        case amqp::uplink_state::connected:
            return "Connected";
        case amqp::uplink_state::waiting:
            return "Waiting";
        case amqp::uplink_state::closing:
            return "Closing";
        case amqp::uplink_state::closed:
            return "Closed";
    }
    return "Unknown";
}

/// The earliest end of validity among the listeners' certificates.
std::int64_t earliest_expiry(const fleet& fleet) {
    std::int64_t earliest = 0;
    for (const auto& listener : fleet.listeners) {
        if (!listener.tls) continue;
        if (const auto at = listener.tls->certificate_not_after();
            at && (earliest == 0 || *at < earliest)) {
            earliest = *at;
        }
    }
    return earliest;
}

}  // namespace

std::string status_json(const fleet& fleet, const char* stage) {
    boost::json::array listeners;
    for (const auto& listener : fleet.listeners) {
        listeners.push_back(
            {{"name", listener.name},
             {"address", listener.address},
             {"port", listener.port},
             {"tls", listener.tls != nullptr}}
        );
    }
    std::int64_t clients = 0;
    std::size_t in_flight = 0;
    boost::json::object upstreams;
    for (const auto& thread : fleet.threads) {
        const auto report = thread->report();
        clients += report.clients;
        in_flight += report.in_flight;
        for (const auto& upstream : report.upstreams) {
            auto& merged = upstreams[upstream.upstream];
            if (!merged.is_object())
                merged = {{"connections", 0}, {"connected", 0}, {"linksReady", true}};
            auto& object = merged.as_object();
            object["connections"] = object["connections"].as_int64() + 1;
            const bool connected = upstream.state == amqp::uplink_state::connected;
            object["connected"] = object["connected"].as_int64() + (connected ? 1 : 0);
            if (!connected) object["state"] = name(upstream.state);
            if (!upstream.links_ready) object["linksReady"] = false;
            if (!upstream.error.empty()) object["error"] = upstream.error;
        }
    }
    boost::json::object status{
        {"name", fleet.gateway.name},
        {"version", pgw::version},
        {"stage", stage},
        {"threads", fleet.threads.size()},
        {"connections", fleet.connections.load(std::memory_order_relaxed)},
        {"clients", clients},
        {"inFlight", in_flight},
        {"listeners", std::move(listeners)},
        {"upstreams", std::move(upstreams)},
    };
    if (const auto expiry = earliest_expiry(fleet); expiry != 0) {
        status["earliestCertificateExpiry"] = expiry;
    }
    return boost::json::serialize(status) + "\n";
}

}  // namespace pgw::server
