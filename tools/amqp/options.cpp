#include "tools/amqp/options.hpp"

#include <charconv>
#include <optional>
#include <string_view>

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

template <class Number>
bool parse_number(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

std::optional<std::string> parse_url(const std::string& url, tool_options& out) {
    const auto scheme_end = url.find("://");
    const auto scheme = url.substr(0, scheme_end);
    if (scheme_end == std::string::npos || (scheme != "amqp" && scheme != "amqps")) {
        return "URL must begin with amqp:// or amqps://";
    }
    const auto host_begin = scheme_end + 3;
    const auto path = url.find('/', host_begin);
    out.server = url.substr(0, path);
    if (path != std::string::npos) out.address = url.substr(path + 1);
    if (out.server.size() == host_begin) return "URL has no host";
    return std::nullopt;
}

/// The problem, or nullopt when the option was taken.
std::optional<std::string> take_value(
    tool_options& out, std::string_view name, const std::string& value
) {
    auto bad = "bad value for " + std::string(name) + ": " + value;
    if (name == "--count") {
        if (!parse_number(value, out.count) || out.count == 0) return bad;
    } else if (name == "--timeout") {
        double seconds = 0;
        if (!parse_number(value, seconds) || !(seconds > 0 && seconds < 1e6)) return bad;
        out.timeout_ms = static_cast<std::uint32_t>(seconds * 1000);
    } else if (name == "--settle") {
        if (value == "accept") {
            out.settle = settle_as::accept;
        } else if (value == "release") {
            out.settle = settle_as::release;
        } else if (value == "reject") {
            out.settle = settle_as::reject;
        } else {
            return bad;
        }
    } else if (name == "--property") {
        const auto equals = value.find('=');
        if (equals == std::string::npos) return bad;
        out.properties.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else if (name == "--user") {
        out.user = value;
    } else if (name == "--password") {
        out.password = value;
    } else if (name == "--ca") {
        out.ca = value;
    } else if (name == "--body") {
        out.body = value;
    } else if (name == "--subject") {
        out.subject = value;
    } else if (name == "--to") {
        out.to = value;
    } else {
        return "unknown option " + std::string(name);
    }
    return std::nullopt;
}

}  // namespace

std::variant<tool_options, usage_error> parse_options(const std::vector<std::string>& arguments) {
    tool_options out;
    if (arguments.empty()) return usage_error{"a command is needed"};
    const auto& command = arguments.front();
    if (command == "--help" || command == "-h") return out;
    if (command == "--version") {
        out.command = tool_command::version;
        return out;
    }
    if (command == "receive") {
        out.command = tool_command::receive;
    } else if (command == "send") {
        out.command = tool_command::send;
    } else {
        return usage_error{"unknown command " + command};
    }
    bool has_url = false;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        if (argument == "--json") {
            out.json = true;
        } else if (argument == "--durable") {
            out.durable = true;
        } else if (argument.starts_with("--")) {
            if (i + 1 >= arguments.size()) return usage_error{argument + " needs a value"};
            if (const auto problem = take_value(out, argument, arguments[++i])) {
                return usage_error{*problem};
            }
        } else if (has_url) {
            return usage_error{"unexpected argument " + argument};
        } else {
            if (const auto problem = parse_url(argument, out)) return usage_error{*problem};
            has_url = true;
        }
    }
    if (!has_url) return usage_error{"a URL is needed"};
    if (out.address.empty() && (out.command == tool_command::receive || out.to.empty())) {
        return usage_error{"the URL needs an address: amqp://host:port/address"};
    }
    if (out.command == tool_command::send && out.count == 0) out.count = 1;
    return out;
}

}  // namespace pgw::tools
