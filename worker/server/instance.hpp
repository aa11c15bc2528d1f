// The name of this worker process among all those of one manifest.
#pragma once

#include <cstdint>
#include <string>

namespace pgw::server {

/// The pod's name in Kubernetes, else 8 hexadecimal digits of `random`. Brokers see it in the
/// container id, which some of them want to be unique: two shards, or blue and green, share all else.
std::string instance_name(std::uint32_t random);

}  // namespace pgw::server
