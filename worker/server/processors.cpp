// Affinity and quota.
#include "worker/server/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace pgw::server {

std::uint32_t quota_processors(const std::string& cpu_max) {
    std::istringstream in(cpu_max);
    std::uint64_t quota = 0;
    std::uint64_t period = 0;
    if (!(in >> quota >> period) || period == 0 || quota == 0) return 0;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>((quota + period - 1) / period, 1024));
}

std::uint32_t usable_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::uint32_t count = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        count = std::max(1u, static_cast<std::uint32_t>(CPU_COUNT(&set)));
    }
    std::ifstream in("/sys/fs/cgroup/cpu.max");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (const auto bound = quota_processors(text); bound > 0) count = std::min(count, bound);
    return count;
}

}  // namespace pgw::server
