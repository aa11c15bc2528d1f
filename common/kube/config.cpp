// Finds the configuration: a flag, the environment, the pod's service account, the home folder.
#include "common/kube/config.hpp"

#include "common/base/file.hpp"
#include "common/kube/config_sources.hpp"
#include "common/kube/yaml_value.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace pgw::kube {

namespace {

using outcome = std::variant<client_config, std::string>;

constexpr std::size_t max_token_bytes = std::size_t{64} << 10;
constexpr std::size_t max_ca_bytes = std::size_t{1} << 20;

std::string absolute(const std::string& path) {
    std::error_code failure;
    const auto full = std::filesystem::absolute(path, failure);
    return failure ? path : full.lexically_normal().string();
}

// Missing files are passed over unless there is only one, which somebody asked for.
outcome load_files(const std::vector<std::string>& paths, const std::string& context) {
    std::vector<std::pair<std::string, std::string>> files;
    std::string missing;
    for (const auto& path : paths) {
        auto read = read_small_file(path, max_yaml_bytes);
        if (read.content) {
            files.emplace_back(absolute(path), std::move(*read.content));
        } else if (read.missing && paths.size() > 1) {
            missing += " " + path;
        } else {
            return read.problem;
        }
    }
    if (files.empty()) return "none of the files of KUBECONFIG exists:" + missing;
    return parse_kubeconfig(files, context);
}

std::vector<std::string> split_paths(std::string_view text) {
    std::vector<std::string> paths;
    while (!text.empty()) {
        const auto end = std::min(text.find(':'), text.size());
        const std::string path(text.substr(0, end));
        // One that stands twice counts once, at its first place.
        if (!path.empty() && std::find(paths.begin(), paths.end(), path) == paths.end()) {
            paths.push_back(path);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return paths;
}

std::string trimmed(std::string_view text) {
    constexpr std::string_view space = " \t\r\n";
    const auto first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(space) - first + 1));
}

outcome in_cluster(const std::string& host, const std::string& port, const std::string& account) {
    client_config config;
    config.host = host;
    if (host.front() == '[' && host.back() == ']') config.host = host.substr(1, host.size() - 2);
    const auto* const end = port.data() + port.size();
    const auto [stop, failure] = std::from_chars(port.data(), end, config.port);
    if (failure != std::errc() || stop != end || config.port == 0) {
        return "KUBERNETES_SERVICE_PORT is not a port: " + port;
    }
    config.token_file = account + "/token";
    config.ca.file = account + "/ca.crt";
    if (const auto token = read_small_file(config.token_file, max_token_bytes); !token.content) {
        return token.problem + " (does the pod mount its service account's token?)";
    }
    if (const auto ca = read_small_file(config.ca.file, max_ca_bytes); !ca.content) {
        return ca.problem;
    }
    if (const auto ns = read_small_file(account + "/namespace", max_token_bytes); ns.content) {
        if (auto name = trimmed(*ns.content); !name.empty()) config.default_namespace = name;
    }
    return config;
}

}  // namespace

file_text read_small_file(const std::string& path, std::size_t limit) {
    auto read = base::read_file_or_pipe(path, limit);
    if (read.ok()) return {std::move(read.content), {}};
    return {{}, path + ": " + read.status.problem, read.status.fault == base::file_fault::missing};
}

config_sources system_sources() {
    config_sources sources;
    sources.variable = [](const char* name) {
        const char* const value = std::getenv(name);
        return value == nullptr ? std::string() : std::string(value);
    };
    return sources;
}

std::variant<client_config, std::string> load_config(
    const config_options& options, const config_sources& sources
) {
    if (!options.kubeconfig.empty()) return load_files({options.kubeconfig}, options.context);
    if (const auto paths = split_paths(sources.variable("KUBECONFIG")); !paths.empty()) {
        return load_files(paths, options.context);
    }
    std::string problem = "KUBERNETES_SERVICE_HOST is not set";
    const auto host = sources.variable("KUBERNETES_SERVICE_HOST");
    const auto port = sources.variable("KUBERNETES_SERVICE_PORT");
    if (!host.empty() && !port.empty()) {
        auto inside = in_cluster(host, port, sources.service_account);
        if (std::holds_alternative<client_config>(inside)) return inside;
        problem = std::get<std::string>(inside);
    }
    const auto home = sources.variable("HOME");
    const auto path = home + "/.kube/config";
    if (!home.empty()) {
        if (::access(path.c_str(), F_OK) == 0) return load_files({path}, options.context);
        problem += "; " + path + " does not exist";
    }
    return "there is no configuration for the Kubernetes API: no --kubeconfig, KUBECONFIG is not "
           "set; in-cluster: " +
           problem;
}

std::variant<client_config, std::string> load_config(const config_options& options) {
    return load_config(options, system_sources());
}

}  // namespace pgw::kube
