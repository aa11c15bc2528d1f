// The worker process: builds everything from the specification, runs until a signal, drains.
#pragma once

#include "common/base/log.hpp"
#include "common/manifest/model/gateway.hpp"
#include "worker/server/options.hpp"

#include <memory>

namespace pgw::server {

/// Exit codes of the process.
namespace exit_code {
inline constexpr int ok = 0;       ///< Drained and ended as asked.
inline constexpr int failure = 1;  ///< Could not start: a port, a secret, a certificate.
inline constexpr int usage = 2;    ///< The command line or the manifest is wrong.
}  // namespace exit_code

class application {
public:
    /// The sink's level follows the manifest.
    application(
        manifest::gateway gateway, application_options options, std::shared_ptr<base::log_sink> log
    );
    ~application();

    /// Runs to the end. SIGTERM and SIGINT drain, a second one shortens the drain; SIGHUP looks at
    /// secrets and the manifest at once. Throws std::exception when it cannot start.
    int run();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::server
