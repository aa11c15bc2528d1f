// Reading small files.
#include "worker/server/secrets.hpp"

#include "common/base/file.hpp"

namespace pgw::server {
namespace {

constexpr std::size_t most = std::size_t{64} << 10;
constexpr const char* no_directory = "--secrets-dir is not given";

std::string text_of(base::file_status&& status) {
    // A Secret without the key, or none at all: for its user the same, whatever the folder says.
    return status.fault == base::file_fault::missing ? "not found" : std::move(status.problem);
}

}  // namespace

std::string secrets::problem(const std::string& name, const std::string& key) const {
    if (directory_.empty()) return no_directory;
    return text_of(base::look_at_file(path(name, key)));
}

std::string secrets::weakness(const std::string& name, const std::string& key) const {
    const auto found = base::look_at_file(path(name, key));
    if (found.fault != base::file_fault::none || !found.read_by_everyone) return {};
    // kubelet mounts a Secret for one container, whose processes it is meant for, and with mode
    // 0644. Its volumes can be told by this link.
    const auto mounted = base::look_at_file(directory_ + "/" + name + "/..data");
    if (mounted.fault == base::file_fault::not_regular) return {};
    return "every user of this machine can read it";
}

secrets::content secrets::read(const std::string& name, const std::string& key) const {
    if (directory_.empty()) return {{}, no_directory};
    auto file = base::read_file(path(name, key), most);
    if (!file.ok()) return {{}, text_of(std::move(file.status))};
    auto& text = file.content;
    if (text.ends_with('\n')) {
        text.pop_back();
        if (text.ends_with('\r')) text.pop_back();
    }
    return {std::move(text), {}};
}

}  // namespace pgw::server
