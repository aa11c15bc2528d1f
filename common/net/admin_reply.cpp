#include "common/net/admin_reply.hpp"

#include "common/net/request_rules.hpp"

#include <utility>

namespace pgw::net {

bool is_probe(std::string_view path) {
    return path == "/livez" || path == "/readyz";
}

admin_reply reply_to(
    const admin_question& question, const admin_handlers& handlers, const admin_options& options
) {
    const auto path = question.path;
    if (!question.reads) return {.status = 405, .body = "GET and HEAD only\n"};
    if (!is_probe(path) && !is_own_host(question.host, options.hosts)) {
        return {.status = 421, .body = "'" + question.host + "' is not a name of this server\n"};
    }
    if (path == "/metrics" && handlers.metrics) {
        return {200, "text/plain; version=0.0.4; charset=utf-8", handlers.metrics()};
    }
    if (path == "/livez" && handlers.live) {
        if (handlers.live()) return {.body = "ok\n"};
        return {.status = 503, .body = "not live\n"};
    }
    if (path == "/readyz" && handlers.ready) {
        auto [is_ready, why] = handlers.ready();
        return {.status = is_ready ? 200u : 503u, .body = std::move(why) + "\n"};
    }
    if (path == "/status" && handlers.status) return {200, "application/json", handlers.status()};
    if (path == "/config" && handlers.config) {
        // It has no secrets, and yet tells more of the plant than a scraper needs.
        if (question.is_local) return {200, "application/json", handlers.config()};
        return {.status = 403, .body = "loopback only\n"};
    }
    return {.status = 404, .body = "not found\n"};
}

}  // namespace pgw::net
