// gateway-worker: the command line.
#include "common/spec/read.hpp"
#include "version.hpp"
#include "worker/server/application.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

namespace {

using pgw::server::exit_code::failure;
using pgw::server::exit_code::ok;
using pgw::server::exit_code::usage;

constexpr const char* help = R"(gateway-worker: bridges MQTT devices to AMQP 1.0 back ends

usage: gateway-worker --config FILE [options]

  --config FILE      the ProtocolGateway manifest (YAML or JSON); - reads standard input
  --secrets-dir DIR  where secrets are mounted: DIR/<secret>/<key>
  --bind-any         listen on all addresses, whatever the manifest says
  --check            read and validate the manifest, say every problem, and exit
  --print-config     print the effective manifest with all defaults, and exit
  --help, --version

signals: SIGTERM and SIGINT drain and stop (a second one hurries), SIGHUP reloads certificates
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

/// Fills `out`; returns an exit code when the program should end now, else -1.
int parse(int argc, char** argv, arguments& out) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto value = [&](std::string& target) {
            if (i + 1 >= argc) return false;
            target = argv[++i];
            return true;
        };
        if (argument == "--help") {
            std::cout << help;
            return ok;
        }
        if (argument == "--version") {
            std::cout << "gateway-worker " << pgw::version << "\n";
            return ok;
        }
        if (argument == "--config") {
            if (!value(out.config)) return complain("--config needs a file");
        } else if (argument == "--secrets-dir") {
            if (!value(out.options.secrets_dir)) return complain("--secrets-dir needs a directory");
        } else if (argument == "--bind-any") {
            out.options.bind_any = true;
        } else if (argument == "--check") {
            out.check = true;
        } else if (argument == "--print-config") {
            out.print = true;
        } else {
            return complain("unknown argument '" + std::string(argument) + "'; see --help");
        }
    }
    if (out.config.empty()) return complain("--config is needed; see --help");
    return -1;
}

/// Reads at most a little more than a manifest may hold; the reader refuses what is too long.
bool read_file(const std::string& path, std::string& text) {
    const auto read = [&](std::istream& in) {
        text.resize((std::size_t{1} << 20) + 1);
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
        text.resize(static_cast<std::size_t>(in.gcount()));
        return !in.bad();
    };
    if (path == "-") return read(std::cin);
    std::ifstream in(path, std::ios::binary);
    return in && read(in) && (!text.empty() || in.eof());
}

}  // namespace

int main(int argc, char** argv) {
    arguments arguments;
    if (const int code = parse(argc, argv, arguments); code >= 0) return code;

    std::string text;
    if (!read_file(arguments.config, text)) {
        return complain("cannot read " + arguments.config + ": " + std::strerror(errno));
    }
    auto read = pgw::spec::read_manifest(text);
    if (const auto* problems = std::get_if<std::vector<pgw::spec::problem>>(&read)) {
        for (const auto& problem : *problems) {
            std::cerr << arguments.config;
            if (problem.line > 0) std::cerr << ":" << problem.line << ":" << problem.column;
            std::cerr << ": ";
            if (!problem.path.empty()) std::cerr << problem.path << ": ";
            std::cerr << problem.text << "\n";
        }
        std::cerr << problems->size() << (problems->size() == 1 ? " problem\n" : " problems\n");
        return usage;
    }
    auto& gateway = std::get<pgw::spec::gateway>(read);
    if (arguments.print) {
        std::cout << pgw::spec::print_manifest(gateway);
        return ok;
    }
    if (arguments.check) {
        std::cout << arguments.config << ": valid\n";
        return ok;
    }

    const auto format = gateway.logging.format.value_or(
        ::isatty(STDERR_FILENO) != 0 ? pgw::base::log_format::text : pgw::base::log_format::json
    );
    const pgw::base::logger log(std::make_shared<pgw::base::log_sink>(gateway.logging.level, format)
    );
    try {
        pgw::server::application application(std::move(gateway), std::move(arguments.options), log);
        return application.run();
    } catch (const std::exception& error) {
        log.error("cannot run", {{"error", error.what()}});
        return failure;
    }
}
