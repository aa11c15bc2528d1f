// Follows the manifest's file while the worker runs: takes over what a running worker can, says why
// it does not take the rest.
#pragma once

#include "common/base/file.hpp"
#include "common/base/log.hpp"
#include "common/manifest/model/gateway.hpp"

#include <string>

namespace pgw::server {

/// One thread. Looks when it is told to; the file may be replaced by renaming, by a symbolic link
/// that is swapped (as Kubernetes mounts a ConfigMap), or written in place. What is no regular file
/// is never waited for.
class config_watch {
public:
    /// `applied` is what `text` says. An empty path is never looked at.
    config_watch(
        std::string path, const std::string& text, manifest::gateway applied, base::logger log
    );

    /// Whether there is a new configuration that was taken over: `applied()` has it. A file that is
    /// invalid, or that differs in a field that needs a new process, changes nothing but
    /// `problem()`, and is logged once.
    bool check();

    const manifest::gateway& applied() const noexcept { return applied_; }
    /// Of the text that is applied: see manifest_hash().
    const std::string& hash() const noexcept { return hash_; }
    /// Why the file as it stands is not applied; empty: it is.
    const std::string& problem() const noexcept { return problem_; }

private:
    bool consider(const std::string& text, std::string hash);
    void refuse(std::string problem);

    std::string path_;
    manifest::gateway applied_;
    base::logger log_;
    std::string hash_;
    std::string seen_hash_;  ///< Of the text that was looked at last.
    base::file_identity identity_;
    std::string problem_;
};

}  // namespace pgw::server
