// What the API server calls things, and where they are. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pgw::kube {

/// One resource of the API: `{"apps", "v1", "deployments", "Deployment"}`. The core group is "".
struct resource_type {
    std::string_view group;
    std::string_view version;
    std::string_view plural;
    std::string_view kind;
    bool namespaced = true;

    std::string api_version() const;  ///< `apps/v1`, `v1`.
};

/// `/apis/apps/v1/namespaces/ns/deployments`; without a namespace the collection of all namespaces.
std::string collection_path(const resource_type& type, std::string_view ns);
/// `<collection>/name[/subresource]`. Names are percent-encoded where a path needs it.
std::string object_path(
    const resource_type& type,
    std::string_view ns,
    std::string_view name,
    std::string_view subresource = {}
);

}  // namespace pgw::kube
