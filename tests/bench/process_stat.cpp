// Reads /proc for what a process and the kernel use.
#include "tests/bench/process_stat.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace pgw::bench {

namespace {

/// The number that follows `key` in a file of "key value" words; 0 when there is none.
std::uint64_t number_after(const std::string& path, const std::string& key) {
    std::ifstream file(path);
    std::string word;
    while (file >> word) {
        if (word != key) continue;
        std::uint64_t value = 0;
        file >> value;
        return value;
    }
    return 0;
}

}  // namespace

process_stat read_process(pid_t pid) {
    const std::string folder = "/proc/" + std::to_string(pid);
    process_stat result;
    std::ifstream file(folder + "/stat");
    std::string text;
    std::getline(file, text);
    // The second field is the program's name in parentheses and may hold anything.
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return result;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    fields >> user >> system;
    result.cpu_seconds =
        static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
    result.rss_bytes = number_after(folder + "/status", "VmRSS:") * 1024;
    return result;
}

std::uint64_t tcp_memory_bytes() {
    return number_after("/proc/net/sockstat", "mem") *
           static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t unreclaimable_slab_bytes() {
    return number_after("/proc/meminfo", "SUnreclaim:") * 1024;
}

}  // namespace pgw::bench
