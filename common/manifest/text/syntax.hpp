// The syntaxes of names, addresses and Kubernetes' own texts. The CRD states the same as patterns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgw::manifest {

inline constexpr std::size_t max_label = 40;
inline constexpr std::size_t max_subdomain = 253;
inline constexpr std::size_t max_image = 512;
inline constexpr std::size_t max_quantity = 32;
inline constexpr std::size_t max_label_value = 63;

/// Lower-case letters, digits and '-', beginning and ending with a letter or digit.
bool is_label(std::string_view text, std::size_t maximum);

/// Labels joined by dots, at most 253 characters: the name of most Kubernetes objects.
bool is_subdomain(std::string_view text);

/// IPv4 or IPv6. An IPv4 address must not be dressed as IPv6 (::ffff:192.0.2.1).
bool is_ip_address(const std::string& text);

/// A host name or an IP address.
bool is_host(const std::string& text);

/// A file name that cannot leave its directory.
bool is_secret_key(std::string_view text);

/// The key of a label or annotation: a name of at most 63 characters, perhaps after a subdomain and
/// '/'.
bool is_qualified_name(std::string_view text);

/// The value of a label; may be empty.
bool is_label_value(std::string_view text);

/// An address, '/', and the length of the prefix.
bool is_cidr(const std::string& text);

/// registry:port/path:tag@digest, as far as its characters go.
bool is_image(std::string_view text);

/// A Kubernetes quantity without a sign: 100m, 1.5, 64Mi, 1e3.
bool is_quantity(std::string_view text);

/// Of UTF-8.
std::size_t count_characters(std::string_view text);

}  // namespace pgw::manifest
