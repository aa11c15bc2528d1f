// File descriptors: as many as the system lets the process have, and a reserve that devices never
// touch, so that upstreams, the admin server and files still get theirs when devices have taken
// all others.
#pragma once

#include <cstdint>

namespace pgw::server {

/// Raises the soft limit of open files to the hard one, and returns what is in force.
std::uint64_t raise_descriptor_limit();

/// How the descriptors of a process are shared out. Pure.
struct descriptor_shares {
    std::uint64_t limit = 0;    ///< Of the process.
    std::uint64_t reserve = 0;  ///< Not for devices: an eighth, between 16 and 512.

    explicit descriptor_shares(std::uint64_t in_all) noexcept;
    /// As the kernel gives out the lowest free number, a device's descriptor at or above this one
    /// means that only the reserve is left.
    std::uint64_t for_devices() const noexcept { return limit - reserve; }
};

}  // namespace pgw::server
