// Binding and listening, with the errors a person can act on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pgw::server {

/// Opens `count` non-blocking listening descriptors on one address and port with SO_REUSEPORT, one
/// a thread. A port that another process holds is an error even if that process set SO_REUSEPORT
/// too. `port` 0 takes any free port and is set to it. Throws std::runtime_error that names
/// address, port and cause. The caller owns the descriptors.
std::vector<int> listen_all(const std::string& address, std::uint16_t& port, std::size_t count);

}  // namespace pgw::server
