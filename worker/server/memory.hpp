// How much memory this process may use, and the part of it that peers may make it keep.
#pragma once

#include "common/manifest/model/gateway.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace pgw::server {

/// The bytes a cgroup's limit says ("536870912", "max"; cgroup v1 says a number close to 2^63 for
/// none). Empty: no limit.
std::optional<std::uint64_t> memory_limit(const std::string& text);

/// The lower of the cgroup's limit (v2, else v1) and the machine's memory.
std::uint64_t usable_memory();

/// limits.maxBufferedBytes, or what stands for it where it is left out: a quarter of `usable`, at
/// least 64 MiB.
std::uint64_t buffered_bytes(const manifest::limits& limits, std::uint64_t usable);

/// The manifest with the numbers in force where it leaves them to the machine: for people.
manifest::gateway in_force(manifest::gateway gateway);

/// Memory that was freed goes back to the system instead of staying with the allocator for good.
/// Call once, at the start.
void return_freed_memory();

}  // namespace pgw::server
