#include "tools/amqp/options.hpp"

#include "common/base/command_line.hpp"

#include <limits>
#include <utility>

namespace pgw::tools {

const char* const usage_text =
    R"(usage: pgw-amqp receive URL [options]
       pgw-amqp send URL [options]

URL is amqp://host:port/address or amqps://host:port/address. For send the
address may be left out when --to is given: the anonymous terminus.

receive prints one message a line and settles it.
  --count N       stop after N messages, exit 0 (default: no end)
  --settle HOW    accept (default), release or reject
  --json          every section of the message as one JSON object a line

send sends --count messages and waits until they are accepted.
  --body TEXT     a {n} in it becomes the message's number, from 0
  --subject TEXT  --to ADDRESS  --durable
  --property K=V  an application property; may be repeated
  --count N       (default 1)

both:
  --timeout S     give up after S seconds, exit 1
  --user U --password P   SASL PLAIN instead of ANONYMOUS
  --ca FILE       amqps: trust the certificates in this PEM file

exit codes: 0 done, 1 timeout or not accepted, 2 usage, 3 connection failed
)";

namespace {

/// What is wrong with it; empty: nothing.
std::string parse_url(const std::string& url, tool_options& out) {
    const auto scheme_end = url.find("://");
    const auto scheme = url.substr(0, scheme_end);
    if (scheme_end == std::string::npos || (scheme != "amqp" && scheme != "amqps")) {
        return "does not begin with amqp:// or amqps://";
    }
    const auto host_begin = scheme_end + 3;
    const auto path = url.find('/', host_begin);
    out.server = url.substr(0, path);
    if (path != std::string::npos) out.address = url.substr(path + 1);
    if (out.server.size() == host_begin) return "has no host";
    return {};
}

std::string take_settle(std::string_view value, settle_as& out) {
    if (value == "accept") {
        out = settle_as::accept;
    } else if (value == "release") {
        out = settle_as::release;
    } else if (value == "reject") {
        out = settle_as::reject;
    } else {
        return "is not accept, release or reject";
    }
    return {};
}

std::string take_timeout(std::string_view value, std::uint32_t& out) {
    const auto seconds = base::parse_number<double>(value);
    if (!seconds || !(*seconds > 0 && *seconds < 1e6)) return "is not a number of seconds";
    out = static_cast<std::uint32_t>(*seconds * 1000);
    return {};
}

std::string take_property(std::string_view value, tool_options& out) {
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) return "is not NAME=VALUE";
    out.properties.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    return {};
}

base::command_line options_into(tool_options& out, bool& has_url) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    base::command_line line;
    line.flag("--json", out.json)
        .flag("--durable", out.durable)
        .number<std::uint64_t>("--count", 1, most, out.count)
        .value("--timeout", [&out](auto value) { return take_timeout(value, out.timeout_ms); })
        .value("--settle", [&out](auto value) { return take_settle(value, out.settle); })
        .value("--property", [&out](auto value) { return take_property(value, out); })
        .text("--user", out.user)
        .text("--password", out.password)
        .text("--ca", out.ca)
        .text("--body", out.body)
        .text("--subject", out.subject)
        .text("--to", out.to)
        .positional([&](std::string_view url) {
            if (has_url) return std::string("is one argument too many");
            has_url = true;
            return parse_url(std::string(url), out);
        });
    return line;
}

}  // namespace

std::variant<tool_options, usage_error> parse_options(const std::vector<std::string_view>& arguments
) {
    using verdict = base::command_line::verdict;
    tool_options out;
    if (arguments.empty()) return usage_error{"a command is needed"};
    const auto command = arguments.front();
    if (command == "--help" || command == "-h") return out;
    if (command == "--version") {
        out.command = tool_command::version;
        return out;
    }
    if (command != "receive" && command != "send") {
        return usage_error{"unknown command '" + std::string(command) + "'"};
    }
    bool has_url = false;
    auto parsed = options_into(out, has_url).parse({arguments.begin() + 1, arguments.end()});
    switch (parsed.what) {
        case verdict::wrong:
            return usage_error{std::move(parsed.problem)};
        case verdict::help:
            return out;
        case verdict::version:
            out.command = tool_command::version;
            return out;
        case verdict::run:
            break;
    }
    out.command = command == "send" ? tool_command::send : tool_command::receive;
    if (!has_url) return usage_error{"a URL is needed"};
    if (out.address.empty() && (out.command == tool_command::receive || out.to.empty())) {
        return usage_error{"the URL needs an address: amqp://host:port/address"};
    }
    if (out.command == tool_command::send && out.count == 0) out.count = 1;
    return out;
}

}  // namespace pgw::tools
