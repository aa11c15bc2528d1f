// Names.
#include "operator/resources/names.hpp"

#include <charconv>

namespace pgw::resources {

std::string deployment_name(std::string_view gateway, std::uint32_t shard) {
    return std::string(gateway) + "-" + std::to_string(shard);
}

std::string revision_name(std::string_view gateway, std::string_view hash) {
    return std::string(gateway) + "-" + std::string(hash);
}

std::string metrics_service_name(std::string_view gateway) {
    return std::string(gateway) + "-metrics";
}

std::string internal_service_name(std::string_view gateway) {
    return std::string(gateway) + "-internal";
}

std::string pod_selector(std::string_view gateway) {
    return std::string(label::gateway) + "=" + std::string(gateway);
}

std::string managed_selector() {
    return std::string(label::managed_by) + "=" + label::managed_by_value;
}

std::optional<std::uint32_t> parse_shard(std::string_view text) {
    std::uint32_t index = 0;
    const auto* const end = text.end();
    const auto parsed = std::from_chars(text.begin(), end, index);
    if (parsed.ec != std::errc{} || parsed.ptr != end || index >= max_shards) return std::nullopt;
    return index;
}

}  // namespace pgw::resources
