// The command line of pgw-amqp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pgw::tools {

enum class tool_command : std::uint8_t { receive, send, help, version };
enum class settle_as : std::uint8_t { accept, release, reject };

struct tool_options {
    tool_command command = tool_command::help;
    std::string server;   ///< amqp://host:port or amqps://host:port
    std::string address;  ///< The URL's path; empty: the anonymous terminus (send only).
    std::string user;
    std::string password;
    std::string ca;
    std::uint64_t count = 0;       ///< receive: 0 is without end. send: at least 1.
    std::uint32_t timeout_ms = 0;  ///< 0: none.
    // receive
    settle_as settle = settle_as::accept;
    bool json = false;
    // send
    std::string body;
    std::string subject;
    std::string to;
    bool durable = false;
    std::vector<std::pair<std::string, std::string>> properties;
};

struct usage_error {
    std::string text;
};

/// `arguments` without the program's name.
std::variant<tool_options, usage_error> parse_options(const std::vector<std::string_view>& arguments
);

extern const char* const usage_text;

}  // namespace pgw::tools
