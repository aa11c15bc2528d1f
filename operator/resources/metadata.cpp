// Metadata.
#include "operator/resources/metadata.hpp"

#include "common/manifest/model/fields.hpp"

namespace pgw::resources {

json::object metadata_of(const gateway_ref& owner, std::string name) {
    const json::object reference{
        {"apiVersion", json::string_view(manifest::api_version.data(), manifest::api_version.size())
        },
        {"kind", json::string_view(manifest::kind_name.data(), manifest::kind_name.size())},
        {"name", owner.name},
        {"uid", owner.uid},
        {"controller", true},
        {"blockOwnerDeletion", true},
    };
    return {
        {"name", std::move(name)},
        {"namespace", owner.ns},
        {"labels", common_labels(owner)},
        {"ownerReferences", json::array{reference}},
    };
}

json::object common_labels(const gateway_ref& owner) {
    return {
        {label::app, label::app_value},
        {label::instance, owner.name},
        {label::component, "worker"},
        {label::managed_by, label::managed_by_value},
        {label::gateway, owner.name},
    };
}

json::object pod_labels(std::string_view gateway) {
    return {{label::gateway, json::string_view(gateway.data(), gateway.size())}};
}

json::object to_object(const manifest::string_map& map) {
    json::object object;
    add_all(object, map);
    return object;
}

void add_all(json::object& target, const manifest::string_map& map) {
    for (const auto& [key, value] : map) target[key] = value;
}

}  // namespace pgw::resources
