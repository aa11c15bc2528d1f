// What client-go takes for a server, without what no API server has: users, other schemes.
#include "common/kube/server_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace pgw::kube {

namespace {

// The characters of a name or an address; all of them may stand in a Host header.
bool is_host(std::string_view host, bool bracketed) {
    return !host.empty() && host.size() <= 253 &&
           std::all_of(host.begin(), host.end(), [&](char c) {
               const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                     (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
               return is_plain || (bracketed && c == ':');
           });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto* const end = text.end();
    const auto [stop, failure] = std::from_chars(text.begin(), end, port);
    if (failure != std::errc() || stop != end || port == 0) return std::nullopt;
    return port;
}

}  // namespace

std::variant<server_url, std::string> parse_server_url(std::string_view text, bool tls_by_default) {
    server_url url;
    url.tls = tls_by_default;
    if (const auto scheme_end = text.find("://"); scheme_end != std::string_view::npos) {
        const auto scheme = text.substr(0, scheme_end);
        if (scheme != "https" && scheme != "http") return "is neither https:// nor http://";
        url.tls = scheme == "https";
        text.remove_prefix(scheme_end + 3);
    }
    url.port = url.tls ? 443 : 80;
    text = text.substr(0, text.find_first_of("?#"));
    const auto slash = std::min(text.find('/'), text.size());
    auto authority = text.substr(0, slash);
    auto path = text.substr(slash);

    if (authority.find('@') != std::string_view::npos) {
        return "holds a user, which belongs to the kubeconfig's user";
    }
    const bool bracketed = authority.starts_with('[');
    const auto host_end = bracketed ? authority.find(']') : authority.find(':');
    if (bracketed && host_end == std::string_view::npos) return "has a bracket without its pair";
    url.host = authority.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0));
    if (!bracketed) url.host = authority.substr(0, host_end);
    if (url.host.empty()) return "names no host";
    if (!is_host(url.host, bracketed)) return "names a host that is no name and no address";
    auto rest = host_end == std::string_view::npos
                    ? std::string_view()
                    : authority.substr(host_end + (bracketed ? 1 : 0));
    if (!rest.empty()) {
        const auto port = rest.front() == ':' ? parse_port(rest.substr(1)) : std::nullopt;
        if (!port) return "has a port that is not between 1 and 65535";
        url.port = *port;
    }

    while (path.ends_with('/')) path.remove_suffix(1);
    if (std::any_of(path.begin(), path.end(), [](char c) { return c <= ' ' || c >= 0x7f; })) {
        return "has a path with characters that must be percent-encoded";
    }
    url.path_prefix = path;
    return url;
}

std::string authority_of(std::string_view host, std::uint16_t port) {
    std::string text;
    const bool bracketed = host.find(':') != std::string_view::npos;
    if (bracketed) text += '[';
    text += host;
    if (bracketed) text += ']';
    return text + ":" + std::to_string(port);
}

}  // namespace pgw::kube
