// Composition, leadership, signals, the end.
#include "operator/application.hpp"

#include "common/base/digits.hpp"
#include "common/kube/client.hpp"
#include "common/kube/reflector.hpp"
#include "common/net/admin_server.hpp"
#include "operator/controllers/protocol_gateway/cache.hpp"
#include "operator/controllers/protocol_gateway/reconciler.hpp"
#include "operator/request_metrics.hpp"
#include "operator/runtime/controller.hpp"
#include "operator/runtime/event_recorder.hpp"
#include "operator/runtime/leader_election.hpp"
#include "version.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <random>

namespace pgw {

namespace asio = boost::asio;

namespace {

constexpr base::seconds graceful_stop{30};
constexpr base::milliseconds sync_check{20};
constexpr base::seconds discovery_interval{600};
constexpr const char* controller_name = "protocolgateway";
constexpr const char* reporting_controller = "protocolgateway.dev/operator";

/// The host's name, which is the pod's, and something that no earlier life of it had.
std::string make_identity() {
    std::string host(256, '\0');
    if (::gethostname(host.data(), host.size() - 1) != 0) host = "unknown";
    host.resize(std::char_traits<char>::length(host.c_str()));
    std::random_device random;
    host += '_';
    base::append_hex(host, std::uint64_t{random()} << 32 | random());
    return host;
}

}  // namespace

struct operator_application::impl {
    impl(operator_options o, base::logger l)
        : options(std::move(o)),
          log(std::move(l)),
          identity(make_identity()),
          client(io, options.cluster, client_options(options.max_concurrent_reconciles + 4), log),
          election_client(io, options.cluster, client_options(2), log),
          known([this](const std::string& key, controllers::cause why) { on_dirty(key, why); }),
          events(client, io, reporting_controller, identity, log),
          reconciler(
              client, known, events, {options.worker_image, options.version, options.resync}, log
          ),
          controller(
              io,
              {.name = controller_name,
               .max_concurrent = options.max_concurrent_reconciles,
               .queue = {}},
              [this](std::string key) { return reconciler.reconcile(std::move(key)); },
              log
          ),
          election(
              election_client,
              io,
              election_options(),
              {[this] { on_elected(); }, [this] { on_lost(); }},
              log
          ),
          polls(std::make_shared<controllers::poller>(
              io,
              known,
              options.poll,
              [this](const std::string& key) { controller.add(key, runtime::priority::normal); },
              log
          )),
          requests(registry),
          sync_timer(io),
          discovery_timer(io),
          stop_timer(io) {}

    static kube::client_options client_options(std::size_t connections) {
        kube::client_options wanted;
        wanted.user_agent = std::string("protocolgateway-operator/") + version + " (linux)";
        wanted.max_connections = connections;
        return wanted;
    }
    runtime::leader_election_options election_options() const {
        return {
            .ns = options.lease_namespace,
            .name = options.lease_name,
            .identity = identity,
            .lease_duration = options.lease_duration,
            .renew_deadline = options.lease_duration * 2 / 3,
            .retry_period = options.lease_duration * 2 / 15,
        };
    }

    void on_dirty(const std::string& key, controllers::cause why) {
        const auto* entry = known.find(key);
        if (entry == nullptr) return controller.remove(key);
        controller.add(
            key,
            why == controllers::cause::listed ? runtime::priority::low : runtime::priority::normal
        );
    }

    std::vector<std::string> watched_namespaces() const {
        return options.namespaces.empty() ? std::vector<std::string>{""} : options.namespaces;
    }

    void watch(
        const kube::resource_type& type,
        const std::string& ns,
        const std::string& selector,
        kube::reflector_sink& sink
    ) {
        reflectors.push_back(std::make_unique<kube::reflector>(
            io, client, kube::reflector_options{type, ns, selector, {}, {}}, sink, log
        ));
        reflectors.back()->start();
    }

    void watch_children(controllers::child_kind kind) {
        for (const auto& ns : watched_namespaces()) {
            watch(
                controllers::type_of(kind),
                ns,
                resources::managed_selector(),
                known.children(kind, ns)
            );
        }
    }

    void watch_all() {
        using controllers::child_kind;
        for (const auto& ns : watched_namespaces()) {
            watch(controllers::gateway_type(), ns, {}, known.gateways(ns));
            watch(controllers::pod_type(), ns, resources::managed_selector(), known.pods(ns));
            watch(controllers::type_of(child_kind::autoscaler), ns, {}, known.scalers(ns));
        }
        for (const auto kind :
             {child_kind::deployment,
              child_kind::revision,
              child_kind::service,
              child_kind::service_account,
              child_kind::disruption_budget,
              child_kind::autoscaler,
              child_kind::network_policy}) {
            watch_children(kind);
        }
    }

    bool synced() const {
        return features_known &&
               std::all_of(reflectors.begin(), reflectors.end(), [](const auto& reflector) {
                   return reflector->synced();
               });
    }

    // What this cluster offers: asked first before anything is decided, then from time to time.
    kube::awaitable<void> discover() {
        const auto found = co_await client.get_path("/apis/monitoring.coreos.com/v1");
        if (found || found.error().kind == kube::error_kind::not_found) {
            features_known = true;
            bool has_pod_monitors = false;
            const auto* list = found ? resources::find(found->as_object(), {"resources"}) : nullptr;
            if (list != nullptr && list->is_array()) {
                for (const auto& item : list->get_array()) {
                    has_pod_monitors =
                        has_pod_monitors ||
                        (item.is_object() &&
                         resources::text_at(item.get_object(), {"name"}) == "podmonitors");
                }
            }
            if (has_pod_monitors && !features.pod_monitors) {
                features.pod_monitors = true;
                reconciler.set_features(features);
                watch_children(controllers::child_kind::pod_monitor);
                for (const auto& [key, entry] : known.all()) {
                    controller.add(key, runtime::priority::low);
                }
            }
        }
        discovery_timer.expires_after(features_known ? discovery_interval : base::seconds{1});
        discovery_timer.async_wait([this](const boost::system::error_code& error) {
            if (!error) spawn_discovery();
        });
    }
    void spawn_discovery() {
        asio::co_spawn(io, discover(), [this](const std::exception_ptr& failure) {
            if (failure) log.error("discovery ended");
        });
    }

    void on_elected() {
        log.info("leading", {{"identity", identity}});
        begin_when_synced();
    }
    void begin_when_synced() {
        if (stopping) return;
        if (synced()) {
            log.info("reconciling", {{"gateways", known.gateways()}});
            controller.start();
            polls->start();
            return;
        }
        sync_timer.expires_after(sync_check);
        sync_timer.async_wait([this](const boost::system::error_code& error) {
            if (!error) begin_when_synced();
        });
    }
    void on_lost() {
        log.error("the lease is lost; ending so that nothing is written any more");
        exit_code = 1;
        client.stop();
        election_client.stop();
        io.stop();
    }

    void stop(int signal) {
        if (std::exchange(stopping, true)) return;
        log.info("stopping", {{"signal", signal}});
        sync_timer.cancel();
        discovery_timer.cancel();
        polls->stop();
        stop_timer.expires_after(graceful_stop);
        stop_timer.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            log.warn("not all work ended in time");
            io.stop();
        });
        controller.stop([this] {
            events.stop();
            election.stop([this] { io.stop(); });
        });
    }

    void serve_admin() {
        net::admin_handlers handlers;
        handlers.metrics = [this] {
            gateways_gauge.set(static_cast<std::int64_t>(known.gateways()));
            return registry.text();
        };
        handlers.live = [this] { return election.healthy(); };
        handlers.ready = [this] {
            return synced() ? std::pair{true, std::string("ok")}
                            : std::pair{false, std::string("waiting for the API server")};
        };
        handlers.status = [] { return std::string("{}\n"); };
        handlers.config = [] { return std::string("{}\n"); };
        for (const auto port : {options.health_port, options.metrics_port}) {
            auto& server = admin.emplace_back(std::make_unique<net::admin_server>(
                io, net::admin_options{options.bind_address, port, 64, options.hosts}, handlers, log
            ));
            server->start();
        }
        log.info(
            "admin HTTP listening",
            {{"health_port", admin.front()->port()}, {"metrics_port", admin.back()->port()}}
        );
    }

    int run() {
        std::signal(SIGPIPE, SIG_IGN);
        asio::signal_set signals(io, SIGTERM, SIGINT);
        signals.async_wait([this](const boost::system::error_code& error, int signal) {
            if (!error) stop(signal);
        });
        const auto count = [this](std::string_view method, int code) {
            requests.count(method, code);
        };
        client.observe(count);
        election_client.observe(count);
        controller.register_metrics(registry);
        election.register_metrics(registry);
        registry.add(
            "pgw_operator_gateways", "ProtocolGateways that are known.", {}, gateways_gauge
        );
        registry.add(
            "pgw_operator_build_info",
            "Always 1; the label says which version runs.",
            {{"version", version}},
            build_info
        );
        build_info.set(1);
        serve_admin();
        watch_all();
        spawn_discovery();
        election.start();
        io.run();
        client.stop();
        election_client.stop();
        log.info("stopped");
        return exit_code;
    }

    operator_options options;
    base::logger log;
    std::string identity;
    asio::io_context io{1};
    base::metrics_registry registry;
    kube::client client;
    kube::client election_client;  ///< So that a renewal never waits behind other requests.
    controllers::cache known;
    runtime::event_recorder events;
    controllers::reconciler reconciler;
    runtime::controller controller;
    runtime::leader_election election;
    std::shared_ptr<controllers::poller> polls;
    request_metrics requests;
    base::gauge gateways_gauge;
    base::gauge build_info;
    std::vector<std::unique_ptr<kube::reflector>> reflectors;
    std::vector<std::unique_ptr<net::admin_server>> admin;
    resources::cluster_features features;
    asio::steady_timer sync_timer;
    asio::steady_timer discovery_timer;
    asio::steady_timer stop_timer;
    bool features_known = false;
    bool stopping = false;
    int exit_code = 0;
};

operator_application::operator_application(operator_options options, base::logger log)
    : impl_(std::make_unique<impl>(std::move(options), std::move(log))) {}

operator_application::~operator_application() = default;

int operator_application::run() {
    return impl_->run();
}

}  // namespace pgw
