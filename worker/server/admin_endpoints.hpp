// The worker's HTTP servers: the admin server with everything, and on demand ports of their own for
// probes and for metrics.
#pragma once

#include "common/base/log.hpp"
#include "common/manifest/model/gateway.hpp"
#include "common/net/admin_server.hpp"
#include "worker/server/binding.hpp"
#include "worker/server/options.hpp"

#include <memory>
#include <vector>

namespace pgw::server {

/// On the loop that `io` belongs to; see net::admin_server.
class admin_endpoints {
public:
    /// The health port serves /livez, /readyz and /status, the metrics port /metrics. Both bind
    /// where listeners do; without an override, where the admin server does.
    admin_endpoints(
        boost::asio::io_context& io,
        const manifest::admin& admin,
        const binding& binding,
        const application_options& options,
        const net::admin_handlers& handlers,
        const base::logger& log
    );

    /// Throws std::system_error when a port cannot be bound.
    void start();
    void stop();

private:
    struct endpoint {
        const char* name;
        std::unique_ptr<net::admin_server> server;
    };

    base::logger log_;
    std::vector<endpoint> endpoints_;
};

}  // namespace pgw::server
