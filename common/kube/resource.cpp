// Paths.
#include "common/kube/resource.hpp"

namespace pgw::kube {

namespace {

// RFC 3986 pchar without what a name of Kubernetes cannot hold anyway.
void append_segment(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~' ||
                           c == ':';
        if (plain) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
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
