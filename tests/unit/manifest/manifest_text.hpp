// A small valid manifest whose parts tests replace.
#pragma once

#include "common/manifest/read/read.hpp"

#include <string>
#include <string_view>

namespace pgw::test {

struct manifest_text {
    std::string head =
        "apiVersion: protocolgateway.dev/v1alpha1\nkind: ProtocolGateway\nmetadata: {name: test}\n";
    std::string listeners = "[{name: mqtt, type: MQTT, address: 127.0.0.1, port: 1883}]";
    std::string authentication = "[{name: anyone, type: Anonymous}]";
    std::string upstreams = "[{name: up, type: Generic, endpoints: [\"amqp://127.0.0.1:5672\"]}]";
    std::string routes =
        "{publish: [{name: all, match: {topic: \"{*rest}\"}, to: {upstream: up, address: t}}]}";
    std::string more;  ///< Further lines of spec, each indented by two.

    std::string text() const {
        return head + "spec:\n  listeners: " + listeners + "\n  authentication: " + authentication +
               "\n  upstreams: " + upstreams + "\n  routes: " + routes + "\n" + more;
    }
};

/// Every problem on a line of its own; empty for a manifest without problems.
inline std::string problems_of(std::string_view text) {
    const auto result = manifest::read_manifest(text);
    const auto* problems = std::get_if<std::vector<manifest::problem>>(&result);
    if (problems == nullptr) return {};
    std::string lines;
    for (const auto& p : *problems) lines += manifest::to_string(p) + "\n";
    return lines.empty() ? "no problem and no gateway" : lines;
}

}  // namespace pgw::test
