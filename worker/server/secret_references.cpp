#include "worker/server/secret_references.hpp"

namespace pgw::server {
namespace {

std::string item(const char* list, std::size_t index) {
    return std::string("spec.") + list + "[" + std::to_string(index) + "].";
}

}  // namespace

std::vector<secret_reference> tls_references::all() const {
    std::vector<secret_reference> found;
    for (const auto* reference : {&certificate, &key, &ca}) {
        if (!reference->secret.empty()) found.push_back(*reference);
    }
    return found;
}

tls_references references_of(const manifest::listener& listener, std::size_t index) {
    tls_references found;
    found.path = item("listeners", index) + "tls";
    const auto& secret = listener.tls->secret.name;
    found.certificate = {found.path + ".secretRef", secret, "tls.crt"};
    found.key = {found.path + ".secretRef", secret, "tls.key"};
    if (const auto& ca = listener.tls->client_ca) {
        found.ca = {found.path + ".clientAuth.caSecretRef", ca->name, ca->key};
    }
    return found;
}

tls_references references_of(const manifest::upstream& upstream, std::size_t index) {
    tls_references found;
    found.path = item("upstreams", index) + "tls";
    if (!upstream.tls) return found;
    if (const auto& secret = upstream.tls->secret) {
        found.certificate = {found.path + ".secretRef", secret->name, "tls.crt"};
        found.key = {found.path + ".secretRef", secret->name, "tls.key"};
    }
    if (const auto& ca = upstream.tls->ca) {
        found.ca = {found.path + ".caSecretRef", ca->name, ca->key};
    }
    return found;
}

login_references login_of(const manifest::upstream& upstream, std::size_t index) {
    const auto path = item("upstreams", index) + "sasl.secretRef";
    const auto& secret = upstream.sasl.secret->name;
    return {{path, secret, "username"}, {path, secret, "password"}};
}

}  // namespace pgw::server
