#include "worker/server/binding.hpp"

#include "common/base/address.hpp"

namespace pgw::server {
namespace {

constexpr std::uint16_t first_unprivileged = 1024;
constexpr std::uint16_t moved_by = 10'000;

}  // namespace

std::uint16_t binding::port(std::uint16_t manifest) const noexcept {
    if (!overrides() || manifest == 0 || manifest >= first_unprivileged) return manifest;
    return static_cast<std::uint16_t>(manifest + moved_by);
}

std::string binding::admin_address(const std::string& manifest) const {
    if (!overrides()) return manifest;
    if (!own_probes_ || base::is_loopback(address_)) return address_;
    return "127.0.0.1";
}

std::string reachable(const std::string& address) {
    if (address == "0.0.0.0") return "127.0.0.1";
    if (address == "::") return "::1";
    return address;
}

}  // namespace pgw::server
