// Any text as a kubeconfig, alone and after another one: what is accepted can be connected to and
// put into headers.
#include "common/kube/config.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

bool is_plain(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return c == '\r' || c == '\n' || c == '\0';
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto parsed = pgw::kube::parse_kubeconfig({{"/a/b", text}}, "");
    if (const auto* config = std::get_if<pgw::kube::client_config>(&parsed)) {
        const bool is_good = !config->host.empty() && is_plain(config->host) && config->port != 0 &&
                             is_plain(config->path_prefix) && is_plain(config->token) &&
                             is_plain(config->user_name) && is_plain(config->impersonate_user);
        if (!is_good) std::abort();
    } else if (std::get<std::string>(parsed).empty()) {
        std::abort();
    }
    pgw::kube::parse_kubeconfig({{"/a/b", "current-context: c\n"}, {"/c/d", text}}, "");
    return 0;
}
