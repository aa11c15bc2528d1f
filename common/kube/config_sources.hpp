// Where load_config looks, as a parameter; and reading small files.
#pragma once

#include "common/kube/config.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace pgw::kube {

struct config_sources {
    /// The value of an environment variable; empty: not set.
    std::function<std::string(const char* name)> variable;
    std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
};

/// The process's environment.
config_sources system_sources();

std::variant<client_config, std::string> load_config(
    const config_options& options, const config_sources& sources
);

struct file_text {
    std::optional<std::string> content;
    std::string problem;   ///< In words, with the path; empty with a content.
    bool missing = false;  ///< There is no such file.
};
/// A regular file of at most `limit` bytes, or a pipe that the process was given: see base/file.hpp.
file_text read_small_file(const std::string& path, std::size_t limit);

}  // namespace pgw::kube
