// Which keys of which secrets the fields of a manifest refer to.
#pragma once

#include "common/manifest/model/gateway.hpp"

#include <string>
#include <vector>

namespace pgw::server {

struct secret_reference {
    std::string path;  ///< Of the field: `spec.listeners[0].tls.secretRef`.
    std::string secret;
    std::string key;
};

// Pure. `index` is that of the listener or upstream in its list.

/// The parts of a TLS context. Empty references are not asked for.
struct tls_references {
    std::string path;  ///< Of the TLS settings.
    secret_reference certificate;
    secret_reference key;
    secret_reference ca;

    /// Those that are not empty.
    std::vector<secret_reference> all() const;
};

/// Of a listener that has TLS.
tls_references references_of(const manifest::listener& listener, std::size_t index);
/// For amqps endpoints.
tls_references references_of(const manifest::upstream& upstream, std::size_t index);

struct login_references {
    secret_reference user_name;
    secret_reference password;
};

/// Of an upstream with SASL PLAIN.
login_references login_of(const manifest::upstream& upstream, std::size_t index);

}  // namespace pgw::server
