#include "worker/server/config_watch.hpp"

#include "common/manifest/project/differences.hpp"
#include "common/manifest/read/read.hpp"
#include "worker/server/manifest_file.hpp"

namespace pgw::server {
namespace {

constexpr std::size_t most_named = 3;

/// The first few, and how many more there are.
std::string enumerate(const std::vector<std::string>& all) {
    std::string text;
    for (std::size_t i = 0; i < all.size() && i < most_named; ++i) {
        if (i > 0) text += "; ";
        text += all[i];
    }
    if (all.size() > most_named)
        text += "; and " + std::to_string(all.size() - most_named) + " more";
    return text;
}

}  // namespace

config_watch::config_watch(
    std::string path, const std::string& text, manifest::gateway applied, base::logger log
)
    : path_(std::move(path)),
      applied_(std::move(applied)),
      log_(std::move(log)),
      hash_(manifest_hash(text)),
      seen_hash_(hash_) {}

bool config_watch::check() {
    if (path_.empty()) return false;
    // Taken before the content is read: a file that changes meanwhile differs at the next look.
    const auto identity = base::look_at_file(path_).identity;
    if (identity == identity_ && identity.inode != 0) return false;
    const auto file = read_manifest_file(path_);
    if (!file.ok()) {
        identity_ = {};
        seen_hash_.clear();
        refuse("cannot be read: " + file.status.problem);
        return false;
    }
    identity_ = identity;
    const auto& text = file.content;
    auto hash = manifest_hash(text);
    if (hash == seen_hash_) return false;
    seen_hash_ = hash;
    return consider(text, std::move(hash));
}

bool config_watch::consider(const std::string& text, std::string hash) {
    if (hash == hash_) {
        problem_.clear();
        log_.info("configuration is the applied one again", {{"hash", hash_}});
        return false;
    }
    auto read = manifest::read_manifest(text);
    if (const auto* problems = std::get_if<std::vector<manifest::problem>>(&read)) {
        std::vector<std::string> texts;
        for (const auto& problem : *problems) texts.push_back(manifest::to_string(problem));
        refuse("invalid: " + enumerate(texts));
        return false;
    }
    auto& fresh = std::get<manifest::gateway>(read);
    if (const auto fields = manifest::roll_differences(applied_, fresh); !fields.empty()) {
        refuse("needs a new process: " + enumerate(fields));
        return false;
    }
    applied_ = std::move(fresh);
    hash_ = std::move(hash);
    problem_.clear();
    log_.info("configuration applied", {{"hash", hash_}});
    return true;
}

void config_watch::refuse(std::string problem) {
    if (problem == problem_) return;
    problem_ = std::move(problem);
    log_.warn("configuration not applied", {{"file", path_}, {"problem", problem_}});
}

}  // namespace pgw::server
