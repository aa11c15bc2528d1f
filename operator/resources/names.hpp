// What the operator calls the objects it makes, and the labels and annotations on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgw::resources {

/// The gateway that owns an object.
struct gateway_ref {
    std::string ns;
    std::string name;
    std::string uid;

    std::string key() const { return ns + "/" + name; }
};

namespace label {
inline constexpr const char* managed_by = "app.kubernetes.io/managed-by";
inline constexpr const char* managed_by_value = "protocolgateway-operator";
inline constexpr const char* app = "app.kubernetes.io/name";
inline constexpr const char* app_value = "gateway-worker";
inline constexpr const char* instance = "app.kubernetes.io/instance";
inline constexpr const char* component = "app.kubernetes.io/component";
inline constexpr const char* gateway = "protocolgateway.dev/gateway";
inline constexpr const char* shard = "protocolgateway.dev/shard";  ///< Its index.
inline constexpr const char* revision =
    "protocolgateway.dev/revision";  ///< Of a Deployment and its pods.
}  // namespace label

namespace annotation {
/// Hash of what was applied: what the object should be is known without a memory of it.
inline constexpr const char* intent = "protocolgateway.dev/intent-hash";
/// On a revision: the image of its pods, the hash of its configuration as workers report it.
inline constexpr const char* image = "protocolgateway.dev/image";
inline constexpr const char* config_hash = "protocolgateway.dev/config-hash";
/// On a revision whose rollout was stopped: why.
inline constexpr const char* stopped = "protocolgateway.dev/rollout-stopped";
/// On a Deployment that is being rolled with all its upstreams reachable: the revision to go back
/// to.
inline constexpr const char* rolled_from = "protocolgateway.dev/rolled-from";
/// On a gateway, by its user.
inline constexpr const char* paused = "protocolgateway.dev/paused";
inline constexpr const char* restarted_at = "protocolgateway.dev/restartedAt";
}  // namespace annotation

namespace port {
inline constexpr std::uint16_t health = 8081;   ///< /livez, /readyz, /status.
inline constexpr std::uint16_t metrics = 8082;  ///< /metrics.
}  // namespace port

/// The container port of a listener's port: ports below 1024 need a privilege that pods have not.
constexpr std::uint16_t container_port(std::uint16_t port) noexcept {
    return port < 1024 ? static_cast<std::uint16_t>(port + 10'000) : port;
}

inline constexpr std::string_view field_manager = "protocolgateway-operator";
inline constexpr std::string_view status_manager = "protocolgateway-operator-status";
inline constexpr std::uint32_t max_shards = 256;

std::string deployment_name(std::string_view gateway, std::uint32_t shard);
std::string revision_name(std::string_view gateway, std::string_view hash);
std::string metrics_service_name(std::string_view gateway);
std::string internal_service_name(std::string_view gateway);

/// `protocolgateway.dev/gateway=name`: the pods that count as shards, for the scale subresource.
std::string pod_selector(std::string_view gateway);
/// `app.kubernetes.io/managed-by=protocolgateway-operator`: all that the operator watches.
std::string managed_selector();

/// The index in a shard's label, if it is one.
std::optional<std::uint32_t> parse_shard(std::string_view text);

}  // namespace pgw::resources
