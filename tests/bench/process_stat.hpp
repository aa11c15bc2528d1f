// What the kernel says a process has used: CPU time and memory.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace pgw::bench {

struct process_stat {
    double cpu_seconds = 0;       ///< User and system time of all its threads.
    std::uint64_t rss_bytes = 0;  ///< Resident set.
};

/// All zero when the process cannot be read.
process_stat read_process(pid_t pid);

/// Kernel memory of all TCP sockets of this network namespace, both ends of loopback connections.
std::uint64_t tcp_memory_bytes();
/// Slab memory that cannot be reclaimed, of the whole machine: socket and file structures are in
/// it.
std::uint64_t unreclaimable_slab_bytes();

}  // namespace pgw::bench
