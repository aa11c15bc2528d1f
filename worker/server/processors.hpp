// How many threads this process should run.
#pragma once

#include <cstdint>
#include <string>

namespace pgw::server {

/// CPUs in the affinity mask, bounded by the cgroup's CPU quota rounded up; at least 1.
std::uint32_t usable_processors();

/// The whole CPUs that a cgroup v2 cpu.max text ("200000 100000", "max 100000") allows, rounded up;
/// 0: no bound.
std::uint32_t quota_processors(const std::string& cpu_max);

}  // namespace pgw::server
