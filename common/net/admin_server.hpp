// The admin HTTP server: /metrics, /livez, /readyz, /status, /config. GET and HEAD only. One of the
// two places that see Beast.
#pragma once

#include "common/base/log.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace pgw::net {

/// What the endpoints answer. Called on the server's thread, one at a time; must not block.
struct admin_handlers {
    std::function<std::string()> metrics;  ///< Text exposition format.
    std::function<bool()> live;            ///< /livez: depends on nothing outside the process.
    std::function<std::pair<bool, std::string>()>
        ready;                            ///< /readyz: verdict and a line that says why not.
    std::function<std::string()> status;  ///< JSON.
    std::function<std::string()> config;  ///< JSON, without secrets; served to loopback peers only.
};

struct admin_options {
    std::string address;
    std::uint16_t port = 0;  ///< 0: any free port.
    std::uint32_t max_connections = 64;
};

/// Requests are limited to 8 kB of header, no body, and 10 s. `start` throws std::system_error when
/// the address cannot be bound.
class admin_server {
public:
    admin_server(
        boost::asio::io_context& io,
        admin_options options,
        admin_handlers handlers,
        base::logger log
    );
    ~admin_server();
    void start();
    std::uint16_t port() const;
    void stop();  ///< Closes the listener and all connections.

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::net
