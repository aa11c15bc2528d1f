// Secrets as files: <secrets-dir>/<name>/<key>, the way Kubernetes mounts them.
#pragma once

#include <string>
#include <utility>

namespace pgw::server {

/// Never throws; a problem is said in words, without the file's name.
class secrets {
public:
    /// Empty: no directory was given, which is what every problem then says.
    explicit secrets(std::string directory) : directory_(std::move(directory)) {}

    /// Does not look whether it exists.
    std::string path(const std::string& name, const std::string& key) const {
        return directory_ + "/" + name + "/" + key;
    }
    /// Why the key cannot be read; empty: it can.
    std::string problem(const std::string& name, const std::string& key) const;
    /// Why a key that is secret is badly kept although it can be read; empty: it is not, or it
    /// cannot be read.
    std::string weakness(const std::string& name, const std::string& key) const;

    struct content {
        std::string text;     ///< Without one line end, LF or CRLF, at its end.
        std::string problem;  ///< Not empty: there is no text.
    };
    /// At most 64 KiB.
    content read(const std::string& name, const std::string& key) const;

private:
    std::string directory_;
};

}  // namespace pgw::server
