#include "common/base/address.hpp"

#include <arpa/inet.h>

#include <string>

namespace pgw::base {

bool is_ip_address(std::string_view text) {
    const std::string name(text);
    // inet_pton stops at a NUL, and would take what stands before it for the whole.
    if (name.find('\0') != std::string::npos) return false;
    in6_addr ignored{};
    return ::inet_pton(AF_INET, name.c_str(), &ignored) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
}

bool is_loopback(std::string_view host) {
    if (host == "localhost") return true;
    if (!is_ip_address(host)) return false;
    const std::string name(host);
    in_addr four{};
    if (::inet_pton(AF_INET, name.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
    in6_addr six{};
    ::inet_pton(AF_INET6, name.c_str(), &six);
    if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace pgw::base
