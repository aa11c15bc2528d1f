#include "common/net/request_rules.hpp"

#include "common/base/address.hpp"

#include <algorithm>
#include <array>

namespace pgw::net {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
}

// Empty, or a colon and digits.
bool is_port(std::string_view text) {
    if (text.empty()) return true;
    if (!text.starts_with(':')) return false;
    text.remove_prefix(1);
    return text.size() <= 5 && std::ranges::all_of(text, is_digit);
}

}  // namespace

std::optional<head_refusal> judge(const request_head& head) {
    if (head.hosts.size() > 1 || (head.hosts.empty() && head.is_http_1_1)) {
        return head_refusal{400, "exactly one Host field expected\n"};
    }
    if (!head.hosts.empty() && !host_name(head.hosts.front())) {
        return head_refusal{400, "malformed Host field\n"};
    }
    if (head.content_lengths > 1) return head_refusal{400, "several Content-Length fields\n"};
    if (head.transfer_encodings.empty()) return std::nullopt;
    // With a length beside it, or in HTTP/1.0, the coding is ambiguous before it is unwanted.
    const bool is_known =
        head.transfer_encodings.size() == 1 && lower(head.transfer_encodings.front()) == "chunked";
    if (is_known || head.content_lengths > 0 || !head.is_http_1_1) {
        return head_refusal{400, "no body expected\n"};
    }
    return head_refusal{501, "unknown transfer coding\n"};
}

std::optional<std::string> host_name(std::string_view field) {
    if (field.starts_with('[')) {
        const auto end = field.find(']');
        if (end == std::string_view::npos || !is_port(field.substr(end + 1))) return std::nullopt;
        auto address = lower(field.substr(1, end - 1));
        if (address.find(':') == std::string::npos || !base::is_ip_address(address)) {
            return std::nullopt;
        }
        return address;
    }
    const auto colon = std::min(field.find(':'), field.size());
    if (field.size() > colon && !is_port(field.substr(colon))) return std::nullopt;
    auto name = field.substr(0, colon);
    if (!std::ranges::all_of(name, is_name_character)) return std::nullopt;
    if (name.ends_with('.')) name.remove_suffix(1);
    return lower(name);
}

bool is_own_host(std::string_view name, const std::vector<std::string>& configured) {
    constexpr std::array<std::string_view, 4> own_domains{
        ".localhost", ".local", ".internal", ".svc"
    };
    // An empty name proves that no domain name was used.
    if (name.find('.') == std::string_view::npos || base::is_ip_address(name)) return true;
    return std::ranges::any_of(
               own_domains, [&](std::string_view domain) { return name.ends_with(domain); }
           ) ||
           std::ranges::any_of(configured, [&](const std::string& own) {
               return lower(own) == name;
           });
}

}  // namespace pgw::net
