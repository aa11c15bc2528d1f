// Any output of a credential plug-in: what is accepted can be shown, and times come out as times.
#include "common/kube/exec_credential.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    pgw::kube::parse_rfc3339(text);
    const auto parsed = pgw::kube::parse_exec_credential(text, "client.authentication.k8s.io/v1");
    if (const auto* made = std::get_if<pgw::kube::exec_credential>(&parsed)) {
        if (made->token.empty() && made->certificate.empty()) std::abort();
        if (made->certificate.empty() != made->key.empty()) std::abort();
        if (made->token.find('\n') != std::string::npos) std::abort();
    }
    return 0;
}
