// API objects as the server sends them.
#pragma once

#include "operator/controllers/protocol_gateway/model.hpp"

#include <string>

namespace pgw::test {

namespace json = boost::json;

struct object_options {
    std::string name;
    std::string version = "1";
    std::string uid = "u";
    std::string owner_uid = "uid-1";
    std::string shard = "0";
    std::string revision = "b";
};

inline json::object child_object(const object_options& o) {
    return {
        {"metadata",
         {{"name", o.name},
          {"namespace", "iot"},
          {"uid", o.uid},
          {"resourceVersion", o.version},
          {"generation", 1},
          {"creationTimestamp", "2026-01-01T00:00:00Z"},
          {"labels",
           {{"protocolgateway.dev/gateway", "plant"},
            {"protocolgateway.dev/shard", o.shard},
            {"protocolgateway.dev/revision", o.revision}}},
          {"ownerReferences", json::array{json::object{{"uid", o.owner_uid}, {"controller", true}}}}
         }},
        {"spec", {{"replicas", 1}}},
    };
}

inline json::object deployment_object(const object_options& o, bool settled = true) {
    auto object = child_object(o);
    object["status"] = {
        {"observedGeneration", 1},
        {"replicas", settled ? 1 : 2},
        {"updatedReplicas", 1},
        {"availableReplicas", 1},
    };
    return object;
}

inline json::object pod_object(const object_options& o, bool ready = true) {
    auto object = child_object(o);
    object["status"] = {
        {"phase", "Running"},
        {"podIP", "127.0.0.9"},
        {"conditions",
         json::array{json::object{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}},
    };
    return object;
}

inline json::object gateway_object(const std::string& version = "1", std::int64_t generation = 1) {
    return {
        {"metadata",
         {{"name", "plant"},
          {"namespace", "iot"},
          {"uid", "uid-1"},
          {"resourceVersion", version},
          {"generation", generation}}},
        {"spec", {{"shards", 1}}},
    };
}

}  // namespace pgw::test
