#include "worker/server/admin_endpoints.hpp"

namespace pgw::server {
namespace {

constexpr std::uint32_t max_connections = 64;

net::admin_handlers probes_of(const net::admin_handlers& all) {
    net::admin_handlers some;
    some.live = all.live;
    some.ready = all.ready;
    some.status = all.status;
    return some;
}

net::admin_handlers metrics_of(const net::admin_handlers& all) {
    net::admin_handlers some;
    some.metrics = all.metrics;
    return some;
}

}  // namespace

admin_endpoints::admin_endpoints(
    boost::asio::io_context& io,
    const manifest::admin& admin,
    const binding& binding,
    const application_options& options,
    const net::admin_handlers& handlers,
    const base::logger& log
)
    : log_(log) {
    const auto add = [&](const char* name,
                         const std::string& address,
                         std::uint16_t port,
                         net::admin_handlers served) {
        net::admin_options where{address, port, max_connections, admin.hosts};
        endpoints_.push_back(
            {name, std::make_unique<net::admin_server>(io, std::move(where), std::move(served), log)
            }
        );
    };
    add("admin", binding.admin_address(admin.address), admin.port, handlers);
    const auto& shared = binding.address(admin.address);
    if (options.health_port) add("health", shared, *options.health_port, probes_of(handlers));
    if (options.metrics_port) add("metrics", shared, *options.metrics_port, metrics_of(handlers));
}

void admin_endpoints::start() {
    for (auto& each : endpoints_) {
        each.server->start();
        log_.info("HTTP listening", {{"server", each.name}, {"port", each.server->port()}});
    }
}

void admin_endpoints::stop() {
    for (auto& each : endpoints_) each.server->stop();
}

}  // namespace pgw::server
