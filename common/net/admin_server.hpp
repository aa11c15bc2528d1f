// The admin HTTP server: /metrics, /livez, /readyz, /status, /config. GET and HEAD only. One of the
// two places that see Beast.
#pragma once

#include "common/base/log.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace pgw::net {

/// What the endpoints answer. Called on the server's thread, one at a time; must not block. Without
/// a handler an endpoint is not found.
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
    std::vector<std::string> hosts{};  ///< Names of this server; see is_own_host().
};

/// Requests are limited to 8 kB of header, no body, and 10 s from the first wait for them to the
/// last byte of the answer, so that an idle or slow connection ends after 10 s. A connection beyond
/// `max_connections` is served, and another one closed for it: see admission. Half of them at most
/// hold answers other than a probe's, and making those takes a quarter of the thread at most.
/// Without a descriptor for a newcomer a few in reserve are used, then those of others who wait.
///
/// /livez and /readyz answer under any Host, since a probe may be told to send one; the others
/// answer 421 under a name that is_own_host() does not know.
///
/// Everything runs on `io`, which one thread runs, and all members are called there or while nobody
/// runs it. `start` throws std::system_error when the address cannot be bound. After `stop` no
/// handler is called; `io` must run once more (or be destroyed) to release what is left. A handler
/// that throws is answered 500 and logged.
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
    std::uint16_t port() const;  ///< After start: the bound one.
    void stop();                 ///< Closes the listener and all connections.

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::net
