// Gateways for tests.
#pragma once

#include "common/manifest/read/read.hpp"
#include "operator/resources/revision.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pgw::test {

namespace json = boost::json;

/// A manifest whose spec is `base_spec` with the members of `more` put over it.
inline json::object manifest(const char* more = "{}") {
    auto spec = json::parse(R"({
        "listeners": [{"name": "mqtt", "type": "MQTT", "port": 1883}],
        "authentication": [{"name": "anyone", "type": "Anonymous"}],
        "upstreams": [{"name": "bus", "type": "Artemis", "endpoints": ["amqp://artemis:5672"]}],
        "routes": {"publish": [{"name": "all", "match": {"topic": "{*rest}"},
                                "to": {"upstream": "bus", "address": "telemetry"}}]}
    })")
                    .as_object();
    const auto members = json::parse(more);
    for (const auto& [key, value] : members.as_object()) spec[key] = value;
    return {
        {"apiVersion", "protocolgateway.dev/v1alpha1"},
        {"kind", "ProtocolGateway"},
        {"metadata", {{"name", "plant"}}},
        {"spec", std::move(spec)},
    };
}

/// A manifest with its typed values, which refer to each other: not to be copied.
struct stored_gateway {
    explicit stored_gateway(const char* more = "{}", std::string image = "worker:1")
        : object(manifest(more)),
          gateway(read(object)),
          inputs{object, gateway, std::move(image), {}} {}

    static manifest::gateway read(const json::object& object) {
        auto result = manifest::read_manifest(json::serialize(object));
        if (const auto* problems = std::get_if<std::vector<manifest::problem>>(&result)) {
            for (const auto& problem : *problems) ADD_FAILURE() << manifest::to_string(problem);
            return {};
        }
        return std::get<manifest::gateway>(std::move(result));
    }

    json::object object;
    manifest::gateway gateway;
    resources::revision_inputs inputs;
};

inline const resources::gateway_ref owner{"iot", "plant", "uid-1"};

}  // namespace pgw::test
