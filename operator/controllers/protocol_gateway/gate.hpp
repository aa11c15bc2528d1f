// Whether a gateway can be acted upon, and what it says. Pure.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "operator/controllers/protocol_gateway/model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgw::controllers {

struct gated {
    json::object manifest;  ///< apiVersion, kind, metadata.name and spec, as stored.
    std::optional<manifest::gateway> gateway;  ///< nullopt: `problems` says why.
    std::vector<std::string> problems;         ///< `path: text`.
};

/// Reads and validates as a worker would, and checks what only a cluster knows: the ports that the
/// pods need for themselves, and those that meet because a worker in a pod listens on all
/// addresses.
gated gate(const gateway_record& record);

}  // namespace pgw::controllers
