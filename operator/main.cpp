// gateway-operator: the command line.
#include "operator/application.hpp"
#include "version.hpp"

#include <unistd.h>

#include <charconv>
#include <functional>
#include <iostream>
#include <map>
#include <string_view>

namespace {

enum exit_code : int { ok = 0, failure = 1, usage = 2 };

constexpr const char* help =
    R"(gateway-operator: reconciles ProtocolGateway resources into worker Deployments

usage: gateway-operator --worker-image IMAGE [options]

  --worker-image IMAGE      the image of gateways that name none
  --worker-version VERSION  its version, for status (default: this program's)
  --kubeconfig FILE         default: $KUBECONFIG, then the pod's service account, then ~/.kube/config
  --context NAME            a context of the kubeconfig
  --namespace NAME          watch this namespace only; may be given several times (default: all)
  --lease-namespace NAME    where the leader's Lease is (default: the pod's or context's namespace)
  --lease-name NAME         default: protocolgateway-operator
  --lease-duration SECONDS  15; renewals have two thirds of it
  --concurrency N           gateways that are reconciled at once (default 8)
  --poll-interval SECONDS   how often each worker is asked for its status (default 15)
  --bind ADDRESS            of the two ports (default 0.0.0.0)
  --health-port N           /livez and /readyz (default 8081)
  --metrics-port N          /metrics (default 8080)
  --log-level LEVEL         debug, info, warn or error (default info)
  --help, --version

signals: SIGTERM and SIGINT finish what is running, give the lease up and end
exit codes: 0 stopped as asked, 1 could not start or lost the lease, 2 wrong usage
)";

struct arguments {
    pgw::operator_options options;
    pgw::kube::config_options cluster;
    pgw::base::log_level level = pgw::base::log_level::info;
};

int complain(const std::string& what) {
    std::cerr << "gateway-operator: " << what << "\n";
    return usage;
}

template <class Integer>
bool to_number(std::string_view text, Integer minimum, Integer maximum, Integer& out) {
    Integer value{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return false;
    if (value < minimum || value > maximum) return false;
    out = value;
    return true;
}

bool to_seconds(std::string_view text, pgw::base::milliseconds& out) {
    std::int64_t seconds = 0;
    if (!to_number<std::int64_t>(text, 1, 3600, seconds)) return false;
    out = pgw::base::seconds{seconds};
    return true;
}

bool to_level(std::string_view text, pgw::base::log_level& out) {
    using pgw::base::log_level;
    for (const auto level :
         {log_level::debug, log_level::info, log_level::warn, log_level::error}) {
        if (pgw::base::name(level) != text) continue;
        out = level;
        return true;
    }
    return false;
}

/// Fills `out`; returns an exit code when the program should end now, else -1.
int parse(int argc, char** argv, arguments& out) {
    auto& o = out.options;
    const auto into = [](std::string& target) {
        return [&target](std::string_view text) {
            target = text;
            return !text.empty();
        };
    };
    const auto port = [](std::uint16_t& target) {
        return [&target](std::string_view text) {
            return to_number<std::uint16_t>(text, 0, 65535, target);
        };
    };
    const std::map<std::string_view, std::function<bool(std::string_view)>> takes{
        {"--worker-image", into(o.worker_image)},
        {"--worker-version", into(o.version)},
        {"--kubeconfig", into(out.cluster.kubeconfig)},
        {"--context", into(out.cluster.context)},
        {"--namespace",
         [&](std::string_view text) {
             o.namespaces.emplace_back(text);
             return !text.empty();
         }},
        {"--lease-namespace", into(o.lease_namespace)},
        {"--lease-name", into(o.lease_name)},
        {"--lease-duration",
         [&](std::string_view text) { return to_seconds(text, o.lease_duration); }},
        {"--concurrency",
         [&](std::string_view text) {
             return to_number<std::size_t>(text, 1, 256, o.max_concurrent_reconciles);
         }},
        {"--poll-interval", [&](std::string_view text) { return to_seconds(text, o.poll.interval); }
        },
        {"--bind", into(o.bind_address)},
        {"--health-port", port(o.health_port)},
        {"--metrics-port", port(o.metrics_port)},
        {"--log-level", [&](std::string_view text) { return to_level(text, out.level); }},
    };
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--help") {
            std::cout << help;
            return ok;
        }
        if (argument == "--version") {
            std::cout << "gateway-operator " << pgw::version << "\n";
            return ok;
        }
        const auto found = takes.find(argument);
        if (found == takes.end())
            return complain("unknown argument '" + argument + "'; see --help");
        if (i + 1 >= argc) return complain(argument + " needs a value");
        if (!found->second(argv[++i])) {
            return complain("'" + std::string(argv[i]) + "' is no value for " + argument);
        }
    }
    if (o.worker_image.empty()) return complain("--worker-image is needed; see --help");
    return -1;
}

}  // namespace

int main(int argc, char** argv) {
    arguments arguments;
    arguments.options.version = pgw::version;
    if (const int code = parse(argc, argv, arguments); code >= 0) return code;

    const auto format =
        ::isatty(STDERR_FILENO) != 0 ? pgw::base::log_format::text : pgw::base::log_format::json;
    const pgw::base::logger log(std::make_shared<pgw::base::log_sink>(arguments.level, format));
    auto config = pgw::kube::load_config(arguments.cluster);
    if (const auto* problem = std::get_if<std::string>(&config)) return complain(*problem);
    auto& options = arguments.options;
    options.cluster = std::get<pgw::kube::client_config>(std::move(config));
    if (options.lease_namespace.empty())
        options.lease_namespace = options.cluster.default_namespace;
    try {
        return pgw::operator_application(std::move(options), log).run();
    } catch (const std::exception& error) {
        log.error("cannot run", {{"error", error.what()}});
        return failure;
    }
}
