// Merges the threads' reports.
#include "worker/server/status.hpp"

#include "version.hpp"
#include "worker/server/worker_thread.hpp"

#include <boost/json.hpp>

#include <algorithm>

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

boost::json::array listeners_of(const fleet& fleet) {
    boost::json::array listeners;
    for (const auto& listener : fleet.listeners) {
        listeners.push_back(
            {{"name", listener.name},
             {"address", listener.address},
             {"port", listener.port},
             {"tls", listener.tls != nullptr},
             {"listening", listener.listening}}
        );
    }
    return listeners;
}

boost::json::array missing_of(const std::vector<secret_problem>& problems) {
    boost::json::array missing;
    for (const auto& [reference, problem] : problems) {
        missing.push_back(
            {{"path", reference.path},
             {"secret", reference.secret},
             {"key", reference.key},
             {"problem", problem}}
        );
    }
    return missing;
}

bool is_routed(const manifest::gateway& gateway, std::string_view upstream) {
    const auto& routes = gateway.routes.publish;
    return std::ranges::any_of(routes, [&](const auto& route) {
        return route.upstream == upstream;
    });
}

/// One upstream over all threads: where one thread's connection is not up, that state counts.
void merge(boost::json::object& upstreams, const upstream_report& report, bool routed) {
    auto& merged = upstreams[report.upstream];
    if (!merged.is_object()) {
        merged = {
            {"connections", 0},
            {"connected", 0},
            {"state", name(amqp::uplink_state::connected)},
            {"linksReady", true}
        };
        if (routed) merged.as_object()["routed"] = true;
    }
    auto& object = merged.as_object();
    object["connections"] = object["connections"].as_int64() + 1;
    const bool connected = report.state == amqp::uplink_state::connected;
    object["connected"] = object["connected"].as_int64() + (connected ? 1 : 0);
    if (!connected) object["state"] = name(report.state);
    if (!report.links_ready) object["linksReady"] = false;
    if (!report.error.empty()) object["error"] = report.error;
}

}  // namespace

std::string status_json(const fleet& fleet, const status_facts& facts) {
    std::int64_t clients = 0;
    std::size_t in_flight = 0;
    boost::json::object upstreams;
    for (const auto& thread : fleet.threads) {
        const auto report = thread->report();
        clients += report.clients;
        in_flight += report.in_flight;
        for (const auto& upstream : report.upstreams) {
            merge(upstreams, upstream, is_routed(fleet.gateway, upstream.upstream));
        }
    }
    boost::json::object status{
        {"name", fleet.gateway.name},
        {"version", pgw::version},
        {"stage", facts.stage},
        {"revision", facts.revision},
        {"configHash", facts.config_hash},
        {"threads", fleet.threads.size()},
        {"connections", fleet.connections.load(std::memory_order_relaxed)},
        {"clients", clients},
        {"inFlight", in_flight},
        {"listeners", listeners_of(fleet)},
        {"upstreams", std::move(upstreams)},
        {"missing", missing_of(facts.missing)},
    };
    if (!facts.config_problem.empty()) status["configProblem"] = facts.config_problem;
    if (const auto expiry = earliest_expiry(fleet); expiry != 0) {
        status["earliestCertificateExpiry"] = expiry;
    }
    return boost::json::serialize(status) + "\n";
}

}  // namespace pgw::server
