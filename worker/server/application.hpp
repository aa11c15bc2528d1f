// The worker process: builds everything from the specification, runs until a signal, drains.
#pragma once

#include "common/base/log.hpp"
#include "common/spec/gateway.hpp"

#include <memory>
#include <string>

namespace pgw::server {

struct application_options {
    std::string secrets_dir;
    bool bind_any = false;  ///< Listen on all addresses whatever the manifest says (in a pod).
};

/// Exit codes of the process.
namespace exit_code {
inline constexpr int ok = 0;       ///< Drained and ended as asked.
inline constexpr int failure = 1;  ///< Could not start: a port, a secret, a certificate.
inline constexpr int usage = 2;    ///< The command line or the manifest is wrong.
}  // namespace exit_code

class application {
public:
    application(spec::gateway gateway, application_options options, base::logger log);
    ~application();

    /// Runs to the end. SIGTERM and SIGINT drain, a second one shortens the drain; SIGHUP reloads
    /// certificates. Throws std::exception when it cannot start.
    int run();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::server
