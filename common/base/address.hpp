// IP addresses and hosts as text.
#pragma once

#include <string_view>

namespace pgw::base {

/// An IPv4 or IPv6 address as inet_pton reads it: without brackets, without a zone.
bool is_ip_address(std::string_view text);

/// An address of this machine that no other can reach, also an IPv4 one that is written as IPv6;
/// or the name `localhost`. Other names are not looked up: they are not loopback.
bool is_loopback(std::string_view host);

}  // namespace pgw::base
