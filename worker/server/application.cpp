// Composition, signals, admin answers, drain.
#include "worker/server/application.hpp"

#include "common/manifest/generate/print.hpp"
#include "common/manifest/read/read.hpp"
#include "version.hpp"
#include "worker/server/admin_endpoints.hpp"
#include "worker/server/config_watch.hpp"
#include "worker/server/descriptors.hpp"
#include "worker/server/embedded_broker.hpp"
#include "worker/server/instance.hpp"
#include "worker/server/listener_set.hpp"
#include "worker/server/memory.hpp"
#include "worker/server/processors.hpp"
#include "worker/server/readiness.hpp"
#include "worker/server/secret_watch.hpp"
#include "worker/server/status.hpp"
#include "worker/server/worker_thread.hpp"

#include <boost/asio/signal_set.hpp>
#include <malloc.h>

#include <csignal>
#include <stdexcept>

namespace pgw::server {
namespace {

constexpr base::seconds secrets_interval{5};
constexpr base::seconds config_interval{2};
/// How far the buffered bytes must fall before freed memory is worth returning to the system.
constexpr std::size_t worth_returning = 16 << 20;
/// What a second signal leaves of the drain.
constexpr base::milliseconds hurried_drain{500};

}  // namespace

struct application::impl {
    impl(manifest::gateway g, application_options o, std::shared_ptr<base::log_sink> s)
        : gateway(std::move(g)),
          options(std::move(o)),
          sink(std::move(s)),
          log(sink),
          where(options.bind, options.health_port || options.metrics_port),
          secret_files(secrets(options.secrets_dir), log),
          config(options.config_path, options.config_text, gateway, log),
          descriptors(raise_descriptor_limit()),
          workers{
              gateway,
              buffered_bytes(gateway.limits, usable_memory()),
              descriptors.for_devices(),
              log
          },
          listeners(workers, where, log) {
        workers.max_connections = gateway.limits.max_connections;
        if (gateway.limits.max_connections > descriptors.for_devices()) {
            // Pods often have a hard limit far below what the manifest allows.
            log.warn(
                "fewer descriptors than limits.maxConnections",
                {{"maxConnections", gateway.limits.max_connections},
                 {"descriptors", descriptors.limit},
                 {"forDevices", descriptors.for_devices()}}
            );
        }
    }

    // Threads use the brokers, and both charge the budget of the fleet.
    ~impl() {
        workers.threads.clear();
        brokers.clear();
    }

    void build() {
        const auto instance = instance_name(main.random());
        for (std::size_t i = 0; i < gateway.upstreams.size(); ++i) {
            const auto& upstream = gateway.upstreams[i];
            amqp::uplink_settings settings;
            settings.container_id = gateway.name + "-" + instance;
            // Two upstreams may be two ways to one broker.
            if (gateway.upstreams.size() > 1) settings.container_id += "-" + upstream.name;
            settings.upstream = upstream;
            secret_files.add(upstream, i, settings);
            if (upstream.embedded) start_broker(upstream, settings);
            workers.uplinks.emplace(upstream.name, std::move(settings));
        }
        for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
            listeners.add(gateway.listeners[i], secret_files.add(gateway.listeners[i], i));
        }
        secret_files.check();
        if (!options.secrets_optional && !secret_files.problems().empty()) {
            throw std::runtime_error(secret_files.describe_problems());
        }
        const std::size_t count = gateway.threads > 0 ? gateway.threads : usable_processors();
        for (std::size_t i = 0; i < count; ++i) {
            workers.threads.push_back(std::make_unique<worker_thread>(workers, i));
        }
        register_metrics();
        listeners.open();
    }

    void start_broker(const manifest::upstream& upstream, amqp::uplink_settings& settings) {
        const auto& address = where.broker_address(upstream.embedded->address);
        const auto& broker = brokers.emplace_back(
            upstream, address, workers.budget, log.with({{"upstream", upstream.name}})
        );
        settings.upstream.endpoints = {{false, reachable(address), broker.port()}};
        log.info(
            "embedded broker listening", {{"upstream", upstream.name}, {"port", broker.port()}}
        );
    }

    void register_metrics() {
        for (auto& thread : workers.threads) thread->register_metrics(registry);
        for (auto& broker : brokers) broker.register_metrics(registry);
        registry.add(
            "pgw_buffered_bytes",
            "What peers make the worker keep, of limits.maxBufferedBytes.",
            {},
            buffered
        );
        registry.add("pgw_draining", "1 while the worker drains.", {}, draining_gauge);
        registry.add(
            "pgw_build_info",
            "Always 1; the label says which version runs.",
            {{"version", pgw::version}},
            build_info
        );
        build_info.set(1);
    }

    void serve_admin() {
        net::admin_handlers handlers;
        handlers.metrics = [this] { return registry.text(); };
        handlers.live = [] { return true; };
        handlers.ready = [this] { return ready.answer(readiness_facts()); };
        handlers.status = [this] { return status(); };
        handlers.config = [this] {
            return manifest::print_manifest_json(in_force(config.applied()));
        };
        admin = std::make_unique<admin_endpoints>(
            main.io(), gateway.admin, where, options, handlers, log
        );
        admin->start();
    }

    std::string status() const {
        return status_json(
            workers,
            {ready.name(),
             options.revision,
             config.hash(),
             config.problem(),
             secret_files.problems()}
        );
    }

    bool upstreams_ready() const {
        for (const auto& thread : workers.threads) {
            for (const auto& upstream : thread->report().upstreams) {
                if (upstream.state != amqp::uplink_state::connected || !upstream.links_ready)
                    return false;
            }
        }
        return true;
    }

    readiness::facts readiness_facts() const {
        const auto* const closed = listeners.closed();
        return {closed != nullptr ? &closed->name : nullptr, upstreams_ready()};
    }

    void supervise(base::time_point now) {
        look_at_memory();
        if (now >= next_secrets_check) look_at_secrets(now);
        if (now >= next_config_check) look_at_config(now);
        look_at_readiness(now);
        if (draining()) advance_drain(now);
    }

    void look_at_readiness(base::time_point now) {
        if (ready.where() != readiness::stage::starting) return;
        const auto facts = readiness_facts();
        if (!ready.on_tick(facts, now)) return;
        log.info(
            "ready", {{"upstreams", facts.upstreams_ready ? "reachable" : "not reachable yet"}}
        );
    }

    bool draining() const { return ready.where() == readiness::stage::draining; }

    /// After a flood the allocator would keep for good what it got for it.
    void look_at_memory() {
        const auto used = workers.budget.used();
        buffered.set(std::int64_t(used));
        most_buffered = std::max(most_buffered, used);
        if (most_buffered - used < worth_returning || used > most_buffered / 2) return;
        most_buffered = used;
        ::malloc_trim(0);
    }

    void look_at_secrets(base::time_point now) {
        next_secrets_check = now + secrets_interval;
        secret_files.check();
        if (!draining()) listeners.open_late();
    }

    void look_at_config(base::time_point now) {
        next_config_check = now + config_interval;
        if (!config.check()) return;
        // What is live and how it is taken over. The rest of `gateway` is read by the threads and
        // stays as it is.
        const auto& fresh = config.applied();
        sink->set_level(fresh.logging.level);
        workers.max_connections = fresh.limits.max_connections;
    }

    void on_signal(int signal) {
        const auto now = main.time().now;
        if (signal == SIGHUP) {
            look_at_secrets(now);
            look_at_config(now);
            return;
        }
        if (ready.drain()) {
            log.info("draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
            draining_gauge.set(1);
            close_at = now + config.applied().drain.endpoint_delay;
            return;
        }
        log.info("drain shortened by a second signal");
        close_at = now;
        for (auto& thread : workers.threads) thread->drain(hurried_drain);
        if (!closing) begin_closing(hurried_drain);
    }

    void advance_drain(base::time_point now) {
        if (!closing && now >= close_at) begin_closing(config.applied().drain.timeout);
        if (!closing) return;
        for (const auto& thread : workers.threads) {
            if (!thread->finished()) return;
        }
        main.stop();
    }

    void begin_closing(base::milliseconds timeout) {
        closing = true;
        for (auto& thread : workers.threads) {
            thread->stop_accepting();
            thread->drain(timeout);
        }
    }

    int run() {
        std::signal(SIGPIPE, SIG_IGN);
        boost::asio::signal_set signals(main.io(), SIGTERM, SIGINT, SIGHUP);
        build();
        serve_admin();
        for (auto& thread : workers.threads) thread->start();
        ready.start(base::clock::now());
        wait_for_signal(signals);
        main.on_tick([this](base::time_point now) { supervise(now); });
        main.run();
        for (auto& thread : workers.threads) thread->join();
        admin->stop();
        log.info("stopped");
        return exit_code::ok;
    }

    void wait_for_signal(boost::asio::signal_set& signals) {
        signals.async_wait([this, &signals](const boost::system::error_code& error, int signal) {
            if (error) return;
            main.time().refresh();
            on_signal(signal);
            wait_for_signal(signals);
        });
    }

    const manifest::gateway gateway;  ///< As it was at the start; `config` has what was taken over.
    const application_options options;
    std::shared_ptr<base::log_sink> sink;
    base::logger log;
    const binding where;
    secret_watch secret_files;
    config_watch config;
    std::deque<embedded_broker> brokers;
    base::metrics_registry registry;
    base::gauge draining_gauge;
    base::gauge buffered;
    base::gauge build_info;
    const descriptor_shares descriptors;
    fleet workers;
    listener_set listeners;
    loop main;  ///< Signals, admin, supervision.
    std::unique_ptr<admin_endpoints> admin;
    std::size_t most_buffered = 0;  ///< Since memory was given back.
    base::time_point next_secrets_check{};
    base::time_point next_config_check{};
    base::time_point close_at{};
    readiness ready;
    bool closing = false;
};

application::application(
    manifest::gateway gateway, application_options options, std::shared_ptr<base::log_sink> log
)
    : impl_(std::make_unique<impl>(std::move(gateway), std::move(options), std::move(log))) {}

application::~application() = default;

int application::run() {
    return impl_->run();
}

}  // namespace pgw::server
