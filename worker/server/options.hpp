// What the command line says, beside the manifest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgw::server {

struct application_options {
    std::string config_path;  ///< Watched for changes; empty: not watched.
    std::string config_text;  ///< What was read from it.
    std::string secrets_dir;
    bool secrets_optional = false;  ///< Missing secrets are waited for instead of ending the start.
    std::string bind;  ///< Listen on this address whatever the manifest says; empty: do not.
    std::optional<std::uint16_t> health_port;
    std::optional<std::uint16_t> metrics_port;
    std::string revision;  ///< Echoed in /status.
};

}  // namespace pgw::server
