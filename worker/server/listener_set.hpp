// The worker's listeners: opens each on every thread as soon as it can be served.
#pragma once

#include "common/base/log.hpp"
#include "common/manifest/model/gateway.hpp"
#include "worker/server/binding.hpp"
#include "worker/server/worker_thread.hpp"

#include <memory>
#include <string>

namespace pgw::server {

/// Main thread. The fleet's list of listeners is filled by it.
class listener_set {
public:
    listener_set(fleet& fleet, const binding& binding, base::logger log);

    /// With a TLS context that is not loaded it stays closed until that is.
    void add(const manifest::listener& listener, std::shared_ptr<net::tls_context> tls);
    /// Opens what can be served and is not open. Throws std::runtime_error that names address,
    /// port and cause.
    void open();
    /// The same while the worker runs: what cannot be bound is logged once and tried again at the
    /// next call.
    void open_late();
    /// The first listener that is not open; null: all are.
    const shared_listener* closed() const;

private:
    void open(shared_listener& listener);

    fleet& fleet_;
    const binding& binding_;
    base::logger log_;
    std::string complaint_;
};

}  // namespace pgw::server
