#include "worker/server/memory.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace pgw::server {
namespace {

constexpr std::uint64_t least_buffered = std::uint64_t{64} << 20;
/// Larger blocks are mappings of their own, which free() gives back at once. The allocator's own
/// threshold grows to 32 MiB with the first large block that is freed, unless it is set.
constexpr int mapped_from = 32 << 10;
/// What the allocator keeps at the end of its heap for the next allocation.
constexpr int kept_at_the_top = 1 << 20;

std::string read(const char* path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::optional<std::uint64_t> memory_limit(const std::string& text) {
    std::uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
    const bool is_none = bytes == 0 || bytes >= std::uint64_t{1} << 60;
    if (error != std::errc{} || is_none) return std::nullopt;
    return bytes;
}

std::uint64_t usable_memory() {
    const auto pages = ::sysconf(_SC_PHYS_PAGES);
    const auto page = ::sysconf(_SC_PAGESIZE);
    std::uint64_t usable = pages > 0 && page > 0 ? std::uint64_t(pages) * std::uint64_t(page) : 0;
    for (const auto* const path :
         {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
        const auto limit = memory_limit(read(path));
        if (limit) usable = usable == 0 ? *limit : std::min(usable, *limit);
    }
    return usable;
}

std::uint64_t buffered_bytes(const manifest::limits& limits, std::uint64_t usable) {
    return limits.max_buffered_bytes.value_or(std::max(usable / 4, least_buffered));
}

manifest::gateway in_force(manifest::gateway gateway) {
    gateway.limits.max_buffered_bytes = buffered_bytes(gateway.limits, usable_memory());
    return gateway;
}

void return_freed_memory() {
    ::mallopt(M_MMAP_THRESHOLD, mapped_from);
    ::mallopt(M_TRIM_THRESHOLD, kept_at_the_top);
}

}  // namespace pgw::server
