#include "worker/server/instance.hpp"

#include <cstdlib>

namespace pgw::server {
namespace {

std::string environment(const char* name) {
    const auto* value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace

std::string instance_name(std::uint32_t random) {
    if (auto given = environment("POD_NAME"); !given.empty()) return given;
    // Elsewhere the host name says nothing: two workers of one machine have the same.
    if (!environment("KUBERNETES_SERVICE_HOST").empty()) {
        if (auto pod = environment("HOSTNAME"); !pod.empty()) return pod;
    }
    static constexpr char digits[] = "0123456789abcdef";
    std::string name;
    for (int shift = 28; shift >= 0; shift -= 4) name += digits[random >> shift & 15];
    return name;
}

}  // namespace pgw::server
