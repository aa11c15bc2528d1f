// gateway-worker: the command line.
#include "common/base/address.hpp"
#include "common/base/command_line.hpp"
#include "common/base/core_dumps.hpp"
#include "common/base/file.hpp"
#include "common/manifest/generate/print.hpp"
#include "common/manifest/read/read.hpp"
#include "version.hpp"
#include "worker/server/application.hpp"
#include "worker/server/manifest_file.hpp"
#include "worker/server/memory.hpp"

#include <unistd.h>

#include <iostream>
#include <optional>
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
  --allow-core-dumps let a crash leave the memory, with keys and passwords, in a core file
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
    bool allow_core_dumps = false;
};

int complain(std::string_view what) {
    std::cerr << "gateway-worker: " << what << "\n";
    return usage;
}

/// Fills `out`; returns an exit code when the program should end now.
std::optional<int> parse(int argc, char** argv, arguments& out) {
    auto& options = out.options;
    pgw::base::command_line line;
    line.text("--config", out.config)
        .text("--secrets-dir", options.secrets_dir)
        .text("--revision", options.revision)
        .value(
            "--bind",
            [&](std::string_view value) {
                options.bind = value;
                return std::string(pgw::base::is_ip_address(value) ? "" : "is not an IP address");
            }
        )
        .flag("--bind-any", [&] { options.bind = "0.0.0.0"; })
        .port("--health-port", options.health_port)
        .port("--metrics-port", options.metrics_port)
        .flag("--secrets-optional", options.secrets_optional)
        .flag("--allow-core-dumps", out.allow_core_dumps)
        .flag("--check", out.check)
        .flag("--print-config", out.print);
    if (const auto code = line.parse({"gateway-worker", pgw::version, help}, argc, argv)) {
        return code;
    }
    if (out.config.empty()) return complain("--config is needed; see --help");
    return std::nullopt;
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
    if (const auto code = parse(argc, argv, arguments)) return *code;
    if (!arguments.allow_core_dumps) pgw::base::forbid_core_dumps();

    auto file = pgw::server::read_first_manifest(arguments.config);
    if (!file.ok()) return complain("cannot read " + arguments.config + ": " + file.status.problem);
    auto read = pgw::manifest::read_manifest(file.content);
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
    // What is read once and then gone, such as standard input, cannot change.
    if (pgw::base::look_at_file(arguments.config).fault == pgw::base::file_fault::none) {
        arguments.options.config_path = arguments.config;
    }
    arguments.options.config_text = std::move(file.content);
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
