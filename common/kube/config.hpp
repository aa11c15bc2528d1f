// Where the API server is and who we are to it: in-cluster or from kubeconfig files.
#pragma once

#include "common/base/clock.hpp"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace pgw::kube {

/// Text that stands in the configuration or in a file, which is read again when it changes.
struct pem_source {
    std::string file;
    std::string text;

    bool empty() const noexcept { return file.empty() && text.empty(); }
};

/// A credential plug-in (client.authentication.k8s.io/v1 and v1beta1).
struct exec_plugin {
    std::string api_version;
    std::string command;  ///< Relative to the kubeconfig's folder when it holds a slash.
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> environment;
    std::string install_hint;
    bool provide_cluster_info = false;
    std::string cluster_extension;  ///< JSON of the cluster's extension for plug-ins; may be empty.
};

struct client_config {
    std::string host;
    std::uint16_t port = 443;
    std::string path_prefix;  ///< Stands before every path: `/k8s/clusters/c-1`; may be empty.
    bool tls = true;
    std::string server_name;  ///< Empty: the host.
    bool insecure_skip_tls_verify = false;
    pem_source ca;  ///< Empty: the system's trust store.
    pem_source client_certificate;
    pem_source client_key;
    std::string token;       ///< Used when token_file is empty.
    std::string token_file;  ///< Read again every 60 s and after 401.
    std::string user_name;   ///< Basic authentication.
    std::string password;
    std::optional<exec_plugin> exec;
    std::string impersonate_user;
    std::string impersonate_uid;
    std::vector<std::string> impersonate_groups;
    std::vector<std::pair<std::string, std::vector<std::string>>> impersonate_extra;
    std::string default_namespace = "default";
};

struct config_options {
    std::string kubeconfig;  ///< --kubeconfig; wins.
    std::string context;     ///< --context; empty: current-context.
};

/// --kubeconfig, then $KUBECONFIG (a list), then in-cluster, then ~/.kube/config. The error says in
/// words what is wrong and where.
std::variant<client_config, std::string> load_config(const config_options& options);

/// The same from texts, for tests: `files` are (path, content), merged as clientcmd does.
std::variant<client_config, std::string> parse_kubeconfig(
    const std::vector<std::pair<std::string, std::string>>& files, const std::string& context
);

}  // namespace pgw::kube
