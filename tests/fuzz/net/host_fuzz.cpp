// Any Host field: a name that is taken is made of harmless characters, and reads to itself.
#include "common/net/request_rules.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view field(reinterpret_cast<const char*>(data), size);
    const auto name = pgw::net::host_name(field);
    if (!name) return 0;
    const bool is_harmless = std::ranges::all_of(*name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.' || c == ':';
    });
    const bool is_v6 = name->find(':') != std::string::npos;
    const auto again = pgw::net::host_name(is_v6 ? "[" + *name + "]" : *name);
    // One final dot goes; a second one stays, and goes the next time.
    if (!is_harmless || (again != name && !name->ends_with('.'))) std::abort();
    static_cast<void>(pgw::net::is_own_host(*name, {"gateway.example.com"}));
    return 0;
}
