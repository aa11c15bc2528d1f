// gateway-worker: the command line.
#include "common/manifest/generate/print.hpp"
#include "common/manifest/read/read.hpp"
#include "version.hpp"
#include "worker/server/application.hpp"
#include "worker/server/manifest_file.hpp"
#include "worker/server/memory.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <iostream>
#include <string_view>

namespace {

using pgw::server::exit_code::failure;
using pgw::server::exit_code::ok;
using pgw::server::exit_code::usage;

constexpr const char* help = R"(gateway-worker: bridges MQTT devices to AMQP 1.0 back ends

usage: gateway-worker --config FILE [options]

  --config FILE      the ProtocolGateway manifest (YAML or JSON); - reads standard input.
                     A file is watched: what can change in a running worker is taken over
  --secrets-dir DIR  where secrets are mounted: DIR/<secret>/<key>
  --check            read and validate the manifest, say every problem, and exit
  --print-config     print the effective manifest with all defaults, and exit
  --help, --version

in a pod:
  --bind-any         listen on all addresses, whatever the manifest says; a listener's port
                     below 1024 is bound 10000 higher
  --bind ADDRESS     the same with one address
  --health-port N    serve /livez, /readyz and /status on a port of their own
  --metrics-port N   serve /metrics on a port of its own. With either of the two the admin
                     server of --bind and --bind-any stays on loopback
  --secrets-optional wait for secrets that are missing or invalid instead of ending
  --revision TEXT    what /status shows as revision

signals: SIGTERM and SIGINT drain and stop (a second one hurries), SIGHUP looks at the manifest
         and the secrets at once
exit codes: 0 stopped as asked, 1 could not start, 2 wrong usage or manifest
)";

struct arguments {
    std::string config;
    pgw::server::application_options options;
    bool check = false;
    bool print = false;
};

int complain(std::string_view what) {
    std::cerr << "gateway-worker: " << what << "\n";
    return usage;
}

bool is_address(const std::string& text) {
    in6_addr ignored{};
    return ::inet_pton(AF_INET, text.c_str(), &ignored) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

bool to_port(const std::string& text, std::optional<std::uint16_t>& port) {
    std::uint16_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    port = number;
    return error == std::errc{} && stop == end;
}

/// Takes one option with a value; returns whether there is such an option. `problem` says what is
/// wrong with the value.
bool take(
    std::string_view option, const std::string& value, arguments& out, std::string_view& problem
) {
    auto& options = out.options;
    if (option == "--config") {
        out.config = value;
    } else if (option == "--secrets-dir") {
        options.secrets_dir = value;
    } else if (option == "--revision") {
        options.revision = value;
    } else if (option == "--bind") {
        options.bind = value;
        if (!is_address(value)) problem = "is no IP address";
    } else if (option == "--health-port") {
        if (!to_port(value, options.health_port)) problem = "is no port";
    } else if (option == "--metrics-port") {
        if (!to_port(value, options.metrics_port)) problem = "is no port";
    } else {
        return false;
    }
    return true;
}

/// Fills `out`; returns an exit code when the program should end now, else -1.
int parse(int argc, char** argv, arguments& out) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help") {
            std::cout << help;
            return ok;
        }
        if (argument == "--version") {
            std::cout << "gateway-worker " << pgw::version << "\n";
            return ok;
        }
        if (argument == "--bind-any") {
            out.options.bind = "0.0.0.0";
        } else if (argument == "--secrets-optional") {
            out.options.secrets_optional = true;
        } else if (argument == "--check") {
            out.check = true;
        } else if (argument == "--print-config") {
            out.print = true;
        } else {
            const std::string value = i + 1 < argc ? argv[i + 1] : "";
            std::string_view problem;
            if (!take(argument, value, out, problem)) {
                return complain("unknown argument '" + std::string(argument) + "'; see --help");
            }
            if (++i >= argc) return complain(std::string(argument) + " needs a value; see --help");
            if (!problem.empty()) {
                return complain(
                    std::string(argument) + ": '" + value + "' " + std::string(problem)
                );
            }
        }
    }
    if (out.config.empty()) return complain("--config is needed; see --help");
    return -1;
}

int list(const std::string& file, const std::vector<pgw::manifest::problem>& problems) {
    for (const auto& problem : problems) {
        std::cerr << file;
        if (problem.line > 0) std::cerr << ":" << problem.line << ":" << problem.column;
        std::cerr << ": ";
        if (!problem.path.empty()) std::cerr << problem.path << ": ";
        std::cerr << problem.text << "\n";
    }
    std::cerr << problems.size() << (problems.size() == 1 ? " problem\n" : " problems\n");
    return usage;
}

}  // namespace

int main(int argc, char** argv) {
    arguments arguments;
    if (const int code = parse(argc, argv, arguments); code >= 0) return code;

    std::string text;
    if (!pgw::server::read_manifest_file(arguments.config, text)) {
        return complain("cannot read " + arguments.config + ": " + std::strerror(errno));
    }
    auto read = pgw::manifest::read_manifest(text);
    if (const auto* problems = std::get_if<std::vector<pgw::manifest::problem>>(&read)) {
        return list(arguments.config, *problems);
    }
    auto& gateway = std::get<pgw::manifest::gateway>(read);
    if (arguments.print) {
        std::cout << pgw::manifest::print_manifest(pgw::server::in_force(std::move(gateway)));
        return ok;
    }
    if (arguments.check) {
        std::cout << arguments.config << ": valid\n";
        return ok;
    }

    pgw::server::return_freed_memory();
    if (arguments.config != "-") arguments.options.config_path = arguments.config;
    arguments.options.config_text = std::move(text);
    const auto format = gateway.logging.format.value_or(
        ::isatty(STDERR_FILENO) != 0 ? pgw::base::log_format::text : pgw::base::log_format::json
    );
    const auto sink = std::make_shared<pgw::base::log_sink>(gateway.logging.level, format);
    try {
        pgw::server::application application(
            std::move(gateway), std::move(arguments.options), sink
        );
        return application.run();
    } catch (const std::exception& error) {
        pgw::base::logger(sink).error("cannot run", {{"error", error.what()}});
        return failure;
    }
}
