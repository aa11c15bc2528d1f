// Secrets as files: <secrets-dir>/<name>/<key>, the way Kubernetes mounts them.
#pragma once

#include "common/spec/gateway.hpp"

#include <stdexcept>
#include <string>

namespace pgw::server {

/// A referenced secret is missing or unreadable: the message names the file and the field that asks
/// for it.
class secret_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class secrets {
public:
    explicit secrets(std::string directory) : directory_(std::move(directory)) {}

    /// The path of a key; does not look whether it exists. Throws secret_error when no directory
    /// was given.
    std::string path(const std::string& name, const std::string& key, const std::string& field)
        const;
    /// The content, without one trailing newline, at most 64 kB. Throws secret_error.
    std::string read(const std::string& name, const std::string& key, const std::string& field)
        const;

private:
    std::string directory_;
};

}  // namespace pgw::server
