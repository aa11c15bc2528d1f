// The `server` of a kubeconfig's cluster. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace pgw::kube {

struct server_url {
    bool tls = true;
    std::string host;  ///< An IPv6 address stands without brackets.
    std::uint16_t port = 443;
    std::string path_prefix;  ///< Begins with a slash and does not end with one, or is empty.
};

/// `https://host:6443/prefix`; without a scheme `tls_by_default` decides. The error is a sentence's
/// end: `names no host`.
std::variant<server_url, std::string> parse_server_url(std::string_view text, bool tls_by_default);

/// As in a URL: `host:443`, `[fd00::1]:443`.
std::string authority_of(std::string_view host, std::uint16_t port);

}  // namespace pgw::kube
