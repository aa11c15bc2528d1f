#include "worker/server/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace pgw::server {

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        auto raised = limit;
        raised.rlim_cur = raised.rlim_max;
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur;
}

descriptor_shares::descriptor_shares(std::uint64_t in_all) noexcept
    : limit(in_all),
      reserve(std::min(std::clamp<std::uint64_t>(in_all / 8, 16, 512), in_all / 2)) {}

}  // namespace pgw::server
