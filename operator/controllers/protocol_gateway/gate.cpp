// The gate.
#include "operator/controllers/protocol_gateway/gate.hpp"

#include "common/manifest/model/fields.hpp"
#include "common/manifest/read/read.hpp"

#include <map>

namespace pgw::controllers {

namespace {

void check_ports(const manifest::gateway& gateway, std::vector<std::string>& problems) {
    std::map<std::uint16_t, std::string> taken;
    const auto check = [&](const std::string& path, std::uint16_t declared, std::uint16_t port) {
        if (declared == 0) {
            problems.push_back(path + ": 0 is for tests only; a Service needs a port");
            return;
        }
        const auto [held, is_new] = taken.try_emplace(port, path);
        if (!is_new) {
            problems.push_back(
                path + ": " + std::to_string(port) + " in the pod, as " + held->second +
                "; addresses do not tell them apart there"
            );
        }
        if (port != resources::port::health && port != resources::port::metrics) return;
        problems.push_back(
            path + ": " + std::to_string(port) +
            " is the worker pods' own port for probes or metrics"
        );
    };
    for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
        check(
            "spec.listeners[" + std::to_string(i) + "].port",
            gateway.listeners[i].port,
            resources::container_port(gateway.listeners[i].port)
        );
    }
    for (std::size_t i = 0; i < gateway.upstreams.size(); ++i) {
        if (!gateway.upstreams[i].embedded) continue;
        check(
            "spec.upstreams[" + std::to_string(i) + "].embedded.port",
            gateway.upstreams[i].embedded->port,
            gateway.upstreams[i].embedded->port
        );
    }
}

}  // namespace

gated gate(const gateway_record& record) {
    gated result;
    result.manifest = {
        {"apiVersion", json::string_view(manifest::api_version.data(), manifest::api_version.size())
        },
        {"kind", json::string_view(manifest::kind_name.data(), manifest::kind_name.size())},
        {"metadata", {{"name", record.ref.name}}},
        {"spec", json::parse(record.spec)},
    };
    auto read = manifest::read_manifest(json::serialize(result.manifest));
    if (const auto* problems = std::get_if<std::vector<manifest::problem>>(&read)) {
        for (const auto& problem : *problems) {
            result.problems.push_back(
                (problem.path.empty() ? "" : problem.path + ": ") + problem.text
            );
        }
        return result;
    }
    result.gateway = std::get<manifest::gateway>(std::move(read));
    check_ports(*result.gateway, result.problems);
    if (!result.problems.empty()) result.gateway.reset();
    return result;
}

}  // namespace pgw::controllers
