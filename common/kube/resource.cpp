// Paths.
#include "common/kube/resource.hpp"

#include "common/kube/percent.hpp"

namespace pgw::kube {

namespace {

// A name of Kubernetes may hold a colon, as those of some roles do.
void append_segment(std::string& out, std::string_view text) {
    append_encoded(out, text, ":");
}

}  // namespace

std::string resource_type::api_version() const {
    return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string collection_path(const resource_type& type, std::string_view ns) {
    std::string path = type.group.empty() ? "/api/" : "/apis/" + std::string(type.group) + "/";
    path += type.version;
    if (type.namespaced && !ns.empty()) {
        path += "/namespaces/";
        append_segment(path, ns);
    }
    path += '/';
    path += type.plural;
    return path;
}

std::string object_path(
    const resource_type& type,
    std::string_view ns,
    std::string_view name,
    std::string_view subresource
) {
    auto path = collection_path(type, ns) + "/";
    append_segment(path, name);
    if (!subresource.empty()) {
        path += '/';
        path += subresource;
    }
    return path;
}

}  // namespace pgw::kube
