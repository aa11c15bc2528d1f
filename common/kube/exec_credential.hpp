// What a credential plug-in is told and what it answers. Pure.
#pragma once

#include "common/kube/config.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pgw::kube {

/// A token, a client certificate with its key, or both.
struct exec_credential {
    std::string token;
    std::string certificate;  ///< PEM.
    std::string key;
    std::optional<std::chrono::system_clock::time_point> expires;
};

/// For KUBERNETES_EXEC_INFO. `ca` is the content of the server's CA; it and the server are told
/// only where the configuration says so.
std::string exec_info(const client_config& config, std::string_view ca);

/// An ExecCredential of that version, or what is wrong with it in words that hold nothing secret.
std::variant<exec_credential, std::string> parse_exec_credential(
    std::string_view text, std::string_view api_version
);

/// `2026-01-31T23:59:59.5+02:00`, rounded down to seconds.
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text);

}  // namespace pgw::kube
