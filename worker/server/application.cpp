// Composition, signals, admin answers, drain.
#include "worker/server/application.hpp"

#include "common/net/admin_server.hpp"
#include "common/spec/read.hpp"
#include "version.hpp"
#include "worker/server/embedded_broker.hpp"
#include "worker/server/listening_socket.hpp"
#include "worker/server/processors.hpp"
#include "worker/server/secrets.hpp"
#include "worker/server/status.hpp"
#include "worker/server/worker_thread.hpp"

#include <boost/asio/signal_set.hpp>
#include <unistd.h>

#include <csignal>

namespace pgw::server {
namespace {

/// After this long /readyz says yes even if an upstream never came: devices may connect while it is
/// away.
constexpr base::seconds upstream_patience{30};
constexpr base::seconds certificate_check_interval{5};
/// What a second signal leaves of the drain.
constexpr base::milliseconds hurried_drain{500};

using tls_pointer = std::shared_ptr<net::tls_context>;

}  // namespace

struct application::impl {
    impl(spec::gateway g, application_options o, base::logger l)
        : gateway(std::move(g)),
          options(std::move(o)),
          log(std::move(l)),
          secret_files(options.secrets_dir),
          workers{gateway, {}, {}, {}, {}, log} {}

    const std::string& bind_address(const std::string& address) const {
        static const std::string any = "0.0.0.0";
        return options.bind_any ? any : address;
    }

    tls_pointer load(net::tls_files files, const std::string& field) {
        auto context = std::make_shared<net::tls_context>(std::move(files));
        if (const auto problem = context->reload()) {
            throw std::runtime_error(field + ": " + *problem);
        }
        contexts.push_back(context);
        return context;
    }

    tls_pointer listener_tls(const spec::listener& listener) {
        if (!listener.tls) return nullptr;
        const auto field = "listener '" + listener.name + "' tls";
        net::tls_files files;
        files.role = net::tls_role::server;
        files.certificate = secret_files.path(listener.tls->secret.name, "tls.crt", field);
        files.key = secret_files.path(listener.tls->secret.name, "tls.key", field);
        if (const auto& ca = listener.tls->client_ca) {
            files.ca = secret_files.path(ca->name, ca->key, field);
        }
        switch (listener.tls->client_auth) {
            case spec::client_auth_mode::none:
                files.verification = net::peer_verification::none;
                break;
            case spec::client_auth_mode::optional:
                files.verification = net::peer_verification::optional;
                break;
            case spec::client_auth_mode::required:
                files.verification = net::peer_verification::required;
                break;
        }
        return load(std::move(files), field);
    }

    amqp::uplink_settings uplink_settings(const spec::upstream& upstream) {
        const auto field = "upstream '" + upstream.name + "'";
        amqp::uplink_settings settings;
        settings.container_id = gateway.name;
        settings.upstream = upstream;
        if (upstream.sasl.mechanism == spec::sasl_mechanism::plain) {
            const auto& name = upstream.sasl.secret->name;
            settings.user_name = secret_files.read(name, "username", field + " sasl");
            settings.password = secret_files.read(name, "password", field + " sasl");
        }
        const bool secure =
            std::any_of(upstream.endpoints.begin(), upstream.endpoints.end(), [](const auto& e) {
                return e.tls;
            });
        if (secure) {
            net::tls_files files;
            files.role = net::tls_role::client;
            files.verification = net::peer_verification::required;
            if (upstream.tls && upstream.tls->secret) {
                const auto& name = upstream.tls->secret->name;
                files.certificate = secret_files.path(name, "tls.crt", field + " tls");
                files.key = secret_files.path(name, "tls.key", field + " tls");
            }
            if (upstream.tls && upstream.tls->ca) {
                files.ca = secret_files.path(
                    upstream.tls->ca->name, upstream.tls->ca->key, field + " tls"
                );
            }
            settings.tls = load(std::move(files), field + " tls");
        }
        return settings;
    }

    void build() {
        for (const auto& upstream : gateway.upstreams) {
            auto settings = uplink_settings(upstream);
            if (upstream.type == spec::upstream_type::embedded) {
                const auto& broker = brokers.emplace_back(
                    upstream,
                    bind_address(upstream.embedded->address),
                    log.with({{"upstream", upstream.name}})
                );
                const auto& address = upstream.embedded->address;
                settings.upstream.endpoints = {
                    {false, address == "0.0.0.0" ? "127.0.0.1" : address, broker.port()}
                };
                log.info(
                    "embedded broker listening",
                    {{"upstream", upstream.name}, {"port", broker.port()}}
                );
            }
            workers.uplinks.emplace(upstream.name, std::move(settings));
        }
        const std::size_t count = gateway.threads > 0 ? gateway.threads : usable_processors();
        std::vector<std::vector<int>> sockets(count);
        for (const auto& spec : gateway.listeners) {
            auto& listener = workers.listeners.emplace_back();
            listener.name = spec.name;
            listener.address = bind_address(spec.address);
            listener.port = spec.port;
            listener.tls = listener_tls(spec);
            const auto opened = listen_all(listener.address, listener.port, count);
            for (std::size_t i = 0; i < count; ++i) sockets[i].push_back(opened[i]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            workers.threads.push_back(
                std::make_unique<worker_thread>(workers, i, std::move(sockets[i]))
            );
        }
        for (auto& thread : workers.threads) thread->register_metrics(registry);
        for (auto& broker : brokers) broker.register_metrics(registry);
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
        handlers.ready = [this] { return readiness(); };
        handlers.status = [this] { return status_json(workers, stage_name()); };
        handlers.config = [this] { return spec::print_manifest_json(gateway); };
        admin = std::make_unique<net::admin_server>(
            main.io(),
            net::admin_options{bind_address(gateway.admin.address), gateway.admin.port, 64},
            std::move(handlers),
            log
        );
        admin->start();
        log.info("admin HTTP listening", {{"port", admin->port()}});
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

    const char* stage_name() const {
        if (draining) return "Draining";
        return ready ? "Ready" : "Starting";
    }

    std::pair<bool, std::string> readiness() const {
        if (draining) return {false, "draining"};
        if (!ready) return {false, "waiting for upstreams"};
        return {true, "ok"};
    }

    void supervise(base::time_point now) {
        if (!ready && !draining && (upstreams_ready() || now - started >= upstream_patience)) {
            ready = true;
            log.info(
                "ready", {{"upstreams", upstreams_ready() ? "reachable" : "not reachable yet"}}
            );
        }
        if (now >= next_certificate_check) {
            next_certificate_check = now + certificate_check_interval;
            reload_certificates();
        }
        if (draining) advance_drain(now);
    }

    void reload_certificates() {
        for (auto& context : contexts) {
            if (const auto problem = context->reload()) {
                log.warn(
                    "certificates not reloaded",
                    {{"file", context->files().certificate}, {"error", *problem}}
                );
            }
        }
    }

    void on_signal(int signal) {
        if (signal == SIGHUP) {
            reload_certificates();
            return;
        }
        const auto now = main.time().now;
        if (!draining) {
            log.info("draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
            draining = true;
            draining_gauge.set(1);
            close_at = now + gateway.drain.endpoint_delay;
            return;
        }
        log.info("drain shortened by a second signal");
        close_at = now;
        for (auto& thread : workers.threads) thread->drain(hurried_drain);
        if (!closing) begin_closing(hurried_drain);
    }

    void advance_drain(base::time_point now) {
        if (!closing && now >= close_at) begin_closing(gateway.drain.timeout);
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
        for (const auto& listener : workers.listeners) {
            log.info(
                "listening",
                {{"listener", listener.name},
                 {"address", listener.address},
                 {"port", listener.port},
                 {"tls", listener.tls != nullptr},
                 {"threads", workers.threads.size()}}
            );
        }
        started = base::clock::now();
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

    spec::gateway gateway;
    application_options options;
    base::logger log;
    secrets secret_files;
    std::vector<tls_pointer> contexts;
    std::deque<embedded_broker> brokers;  ///< Outlive the threads: they are the last to go.
    base::metrics_registry registry;
    base::gauge draining_gauge;
    base::gauge build_info;
    fleet workers;
    loop main;  ///< Signals, admin, supervision.
    std::unique_ptr<net::admin_server> admin;
    base::time_point started{};
    base::time_point next_certificate_check{};
    base::time_point close_at{};
    bool ready = false;
    bool draining = false;
    bool closing = false;
};

application::application(spec::gateway gateway, application_options options, base::logger log)
    : impl_(std::make_unique<impl>(std::move(gateway), std::move(options), std::move(log))) {}

application::~application() = default;

int application::run() {
    return impl_->run();
}

}  // namespace pgw::server
