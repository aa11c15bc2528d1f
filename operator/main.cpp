// gateway-operator: the command line.
#include "common/base/command_line.hpp"
#include "common/base/core_dumps.hpp"
#include "operator/application.hpp"
#include "version.hpp"

#include <unistd.h>

#include <iostream>
#include <optional>
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
  --host NAME               a domain name under which /metrics may be asked, beside IP addresses,
                            names without a dot and names below svc, local, internal and
                            localhost; may be given several times
  --log-level LEVEL         debug, info, warn or error (default info)
  --allow-core-dumps        let a crash leave the memory, with tokens, in a core file
  --help, --version

signals: SIGTERM and SIGINT finish what is running, give the lease up and end
exit codes: 0 stopped as asked, 1 could not start or lost the lease, 2 wrong usage
)";

struct arguments {
    pgw::operator_options options;
    pgw::kube::config_options cluster;
    pgw::base::log_level level = pgw::base::log_level::info;
    bool allow_core_dumps = false;
};

int complain(const std::string& what) {
    std::cerr << "gateway-operator: " << what << "\n";
    return usage;
}

std::string to_seconds(std::string_view text, pgw::base::milliseconds& out) {
    const auto seconds = pgw::base::parse_number<std::int64_t>(text);
    if (!seconds || *seconds < 1 || *seconds > 3600) return "is not a number from 1 to 3600";
    out = pgw::base::seconds{*seconds};
    return {};
}

std::string to_level(std::string_view text, pgw::base::log_level& out) {
    using pgw::base::log_level;
    for (const auto level :
         {log_level::debug, log_level::info, log_level::warn, log_level::error}) {
        if (pgw::base::name(level) != text) continue;
        out = level;
        return {};
    }
    return "is not a level: debug, info, warn, error";
}

/// Fills `out`; returns an exit code when the program should end now.
std::optional<int> parse(int argc, char** argv, arguments& out) {
    auto& o = out.options;
    const auto each_into = [](std::vector<std::string>& target) {
        return [&target](std::string_view text) {
            target.emplace_back(text);
            return std::string(text.empty() ? "is empty" : "");
        };
    };
    pgw::base::command_line line;
    line.text_that_is_not_empty("--worker-image", o.worker_image)
        .text_that_is_not_empty("--worker-version", o.version)
        .text_that_is_not_empty("--kubeconfig", out.cluster.kubeconfig)
        .text_that_is_not_empty("--context", out.cluster.context)
        .value("--namespace", each_into(o.namespaces))
        .text_that_is_not_empty("--lease-namespace", o.lease_namespace)
        .text_that_is_not_empty("--lease-name", o.lease_name)
        .value(
            "--lease-duration",
            [&](std::string_view text) { return to_seconds(text, o.lease_duration); }
        )
        .number<std::size_t>("--concurrency", 1, 256, o.max_concurrent_reconciles)
        .value(
            "--poll-interval",
            [&](std::string_view text) { return to_seconds(text, o.poll.interval); }
        )
        .text_that_is_not_empty("--bind", o.bind_address)
        .port("--health-port", o.health_port)
        .port("--metrics-port", o.metrics_port)
        .value("--host", each_into(o.hosts))
        .value("--log-level", [&](std::string_view text) { return to_level(text, out.level); })
        .flag("--allow-core-dumps", out.allow_core_dumps);
    if (const auto code = line.parse({"gateway-operator", pgw::version, help}, argc, argv)) {
        return code;
    }
    if (o.worker_image.empty()) return complain("--worker-image is needed; see --help");
    return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
    arguments arguments;
    arguments.options.version = pgw::version;
    if (const auto code = parse(argc, argv, arguments)) return *code;
    if (!arguments.allow_core_dumps) pgw::base::forbid_core_dumps();

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
