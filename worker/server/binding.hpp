// Where the worker listens: as the manifest says, or as the command line overrides it in a pod.
#pragma once

#include "common/base/address.hpp"

#include <cstdint>
#include <string>

namespace pgw::server {

/// Pure.
class binding {
public:
    /// `address`: binds everything for devices, and an embedded broker that is not for loopback
    /// alone; empty: the manifest's addresses hold. `own_probes`: probes and metrics have ports of their own, so the admin
    /// server need not be reachable.
    binding(std::string address, bool own_probes)
        : address_(std::move(address)), own_probes_(own_probes) {}

    bool overrides() const noexcept { return !address_.empty(); }
    const std::string& address(const std::string& manifest) const noexcept {
        return overrides() ? address_ : manifest;
    }
    /// The embedded broker asks nobody who they are: it leaves loopback only where the manifest
    /// says so.
    const std::string& broker_address(const std::string& manifest) const {
        return base::is_loopback(manifest) ? manifest : address(manifest);
    }
    /// The port that a listener binds for the manifest's. Overridden, ports below 1024 move up by
    /// 10000, since a pod may not bind them; a Service maps them back.
    std::uint16_t port(std::uint16_t manifest) const noexcept;
    /// Loopback when overridden and not needed for probes.
    std::string admin_address(const std::string& manifest) const;

private:
    std::string address_;
    bool own_probes_;
};

/// The address under which this host reaches what is bound to `address`.
std::string reachable(const std::string& address);

}  // namespace pgw::server
