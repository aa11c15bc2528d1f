// What the HTTP server asks of a request beyond its syntax: one host, which is this server, and no
// body however it is announced. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::net {

/// The fields of a request's head that say where it ends and whom it is for.
struct request_head {
    bool is_http_1_1 = true;  ///< Otherwise 1.0.
    std::vector<std::string_view> hosts{};
    std::vector<std::string_view> transfer_encodings{};
    std::size_t content_lengths = 0;
};

struct head_refusal {
    unsigned status;  ///< The connection ends with it: nobody knows where the next request begins.
    std::string_view text;
};

/// RFC 9112, 3.2 (exactly one Host in HTTP/1.1) and 6.1 (an unknown transfer coding is 501). What
/// two programs on the way might delimit differently is refused, also where this one could tell.
std::optional<head_refusal> judge(const request_head& head);

/// The name or address in a Host field, in lower case, without port, brackets and a final dot;
/// nullopt: it is not one. May be empty.
std::optional<std::string> host_name(std::string_view field);

/// Whether a server may be asked under this name. A page in a browser can make its own domain name
/// point at any address (DNS rebinding) and would then read what is served there, so only names are
/// taken that nobody can register: IP addresses, names without a dot, names below `localhost`,
/// `local`, `internal` and `svc`, and those that were configured, in any case.
bool is_own_host(std::string_view name, const std::vector<std::string>& configured);

}  // namespace pgw::net
