// The schema of what the operator reports. Its words are explained in docs/operations.md.
#include "common/manifest/generate/crd.hpp"

#include <string_view>
#include <utility>

namespace pgw::manifest {

namespace {

namespace json = boost::json;

json::object text(std::string_view description, std::int64_t maximum) {
    return {{"description", description}, {"type", "string"}, {"maxLength", maximum}};
}

json::object count(std::string_view description, std::string_view format = "int32") {
    return {{"description", description}, {"type", "integer"}, {"format", format}, {"minimum", 0}};
}

json::object time(std::string_view description) {
    return {{"description", description}, {"type", "string"}, {"format", "date-time"}};
}

json::object object(std::string_view description, json::array required, json::object properties) {
    json::object schema{{"type", "object"}};
    if (!description.empty()) schema["description"] = description;
    if (!required.empty()) schema["required"] = std::move(required);
    schema["properties"] = std::move(properties);
    return schema;
}

json::object map_list(
    std::string_view description, const char* key, std::int64_t maximum, json::object items
) {
    return {
        {"description", description},
        {"type", "array"},
        {"maxItems", maximum},
        {"x-kubernetes-list-type", "map"},
        {"x-kubernetes-list-map-keys", json::array{key}},
        {"items", std::move(items)}
    };
}

json::object conditions() {
    auto status = text("Whether it is so.", 7);
    status["enum"] = json::array{"True", "False", "Unknown"};
    return map_list(
        "What holds for the gateway. Ready: the current generation runs on all shards, all are "
        "ready, and every upstream that a route uses is reached. Available: at least one shard "
        "serves. ConfigurationValid, ReferencesResolved, UpstreamsReachable and ShardsReady are "
        "parts of it. ScalingConflict and Paused say what keeps the operator from acting. "
        "Reconciling and Stalled stand there only while they are True.",
        "type",
        32,
        object(
            {},
            {"type", "status", "lastTransitionTime", "reason", "message"},
            {{"type", text("The condition.", 316)},
             {"status", std::move(status)},
             {"observedGeneration", count("The generation of spec it was said of.", "int64")},
             {"lastTransitionTime", time("When its status last changed.")},
             {"reason", text("Why, in one word.", 1024)},
             {"message", text("Why, in a sentence.", 32768)}}
        )
    );
}

json::object shards() {
    return map_list(
        "The shards, those that retire included.",
        "name",
        1024,
        object(
            {},
            {"name", "state"},
            {{"name", text("The shard's Deployment.", 253)},
             {"state", text("What it is doing.", 64)},
             {"revision", text("The revision its newest pod runs.", 253)},
             {"since", time("How long it has been in that state.")}}
        )
    );
}

json::object endpoints() {
    return {
        {"description", "Where devices reach the listeners."},
        {"type", "array"},
        {"maxItems", 1024},
        {"x-kubernetes-list-type", "atomic"},
        {"items",
         object(
             {},
             {"listener", "address"},
             {{"listener", text("The name of the listener.", 40)},
              {"address", text("host:port.", 260)}}
         )}
    };
}

}  // namespace

json::object status_schema() {
    auto schema = object(
        "What the operator observed.",
        {},
        {{"observedGeneration", count("The generation of spec that all of this is about.", "int64")
         },
         {"conditions", conditions()},
         {"replicas", count("Shards that run, as an autoscaler counts them.")},
         {"readyReplicas", count("Shards that are ready.")},
         {"selector", text("Selects the pods that `replicas` counts.", 4096)},
         {"currentRevision", text("The revision that shards ran before the last change.", 253)},
         {"updateRevision", text("The revision that shards are to run.", 253)},
         {"worker",
          object(
              "The workers' program.",
              {},
              {{"version", text("The version that runs.", 64)},
               {"image", text("The image that runs.", 512)},
               {"availableVersion", text("The version that the operator would choose.", 64)}}
          )},
         {"connections",
          count("Client connections of all shards; written at most once a minute.", "int64")},
         {"endpoints", endpoints()},
         {"shards", shards()}}
    );
    return schema;
}

}  // namespace pgw::manifest
