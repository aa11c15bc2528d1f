// The uplink's own state machine: endpoints in order, failover, backoff, close.
#include "worker/amqp/uplink.hpp"

#include "common/base/backoff.hpp"
#include "worker/amqp/endpoint_connector.hpp"
#include "worker/amqp/uplink_connection.hpp"

#include <unistd.h>

#include <optional>
#include <utility>

namespace pgw::amqp {

namespace {

constexpr base::seconds close_bound{2};
/// A connection that lived this long was a good one: the next backoff starts over.
constexpr base::seconds stable_after{10};
/// How often an uplink looks whether the secrets it needs are there.
constexpr base::seconds secrets_interval{1};

class sender_handle final : public sender {
public:
    explicit sender_handle(std::shared_ptr<sender_link> link) : link_(std::move(link)) {}
    ~sender_handle() override { link_->release(); }
    send_status try_send(base::bytes_view message, std::uint64_t token) override {
        return link_->try_send(message, token);
    }
    void abandon(std::uint64_t token) override { link_->abandon(token); }
    sender_state state() const override { return link_->state(); }
    std::string last_error() const override { return link_->last_error(); }

private:
    std::shared_ptr<sender_link> link_;
};

std::vector<manifest::endpoint> endpoints_of(const manifest::upstream& upstream) {
    if (!upstream.endpoints.empty() || !upstream.embedded) return upstream.endpoints;
    const auto& embedded = *upstream.embedded;
    const bool any = embedded.address == "0.0.0.0" || embedded.address == "::";
    return {{false, any ? "127.0.0.1" : embedded.address, embedded.port}};
}

bool is_loopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

class uplink_impl final : public uplink, private connection_events {
public:
    uplink_impl(
        engine_context context,
        uplink_settings settings,
        uplink_metrics& metrics,
        const base::logger& log
    )
        : context_(std::move(context)),
          settings_(std::move(settings)),
          metrics_(metrics),
          log_(log.with({{"upstream", settings_.upstream.name}})),
          endpoints_(endpoints_of(settings_.upstream)),
          backoff_(
              settings_.upstream.limits.reconnect_initial,
              settings_.upstream.limits.reconnect_maximum
          ),
          connection_(context_, settings_, metrics_, *this) {
        // In the next turn: the caller may still be setting up.
        context_.wheel.arm(timer_, base::clock::now());
    }

    ~uplink_impl() override {
        if (connector_) connector_->cancel();
    }

    std::unique_ptr<sender> open_sender(const sender_options& options, sender_events& events)
        override {
        return std::make_unique<sender_handle>(connection_.open_sender(options, events));
    }

    uplink_state state() const override { return state_; }
    std::string last_error() const override { return connection_.last_error(); }

    void close() override {
        if (state_ == uplink_state::closing || state_ == uplink_state::closed) return;
        const bool was_connected = state_ == uplink_state::connected;
        state_ = uplink_state::closing;
        if (connector_) std::exchange(connector_, nullptr)->cancel();
        if (!connection_.active()) return closed();
        if (was_connected) {
            connection_.close();
            context_.wheel.arm(timer_, base::clock::now() + close_bound);
        } else {
            connection_.abort("amqp:connection:forced", "closed");
        }
    }

private:
    void begin_round() {
        if (settings_.secrets) {
            if (auto problem = settings_.secrets->get().problem; !problem.empty()) {
                // Whoever watches the secrets has logged it.
                connection_.set_last_error(std::move(problem));
                state_ = uplink_state::waiting;
                context_.wheel.arm(timer_, base::clock::now() + secrets_interval);
                return;
            }
        }
        state_ = uplink_state::connecting;
        next_endpoint_ = 0;
        try_endpoint();
    }

    void try_endpoint() {
        if (next_endpoint_ >= endpoints_.size()) return wait();
        state_ = uplink_state::connecting;
        const auto& endpoint = endpoints_[next_endpoint_];
        const auto& limits = settings_.upstream.limits;
        connector_ = std::make_shared<endpoint_connector>(
            context_,
            limits.connect_timeout,
            [this](int fd, const std::string& error) { on_socket(fd, error); }
        );
        connector_->start(endpoint);
    }

    void on_socket(int fd, const std::string& error) {
        const auto connector = std::exchange(connector_, nullptr);
        if (fd < 0) return endpoint_failed(error);
        const auto& endpoint = endpoints_[next_endpoint_];
        auto opened = open_stream(fd, endpoint);
        if (!opened) return endpoint_failed("TLS settings are not loaded");
        auto& stream = *opened;
        if (!stream.is_tls() &&
            settings_.upstream.sasl.mechanism == manifest::sasl_mechanism::plain &&
            !is_loopback(endpoint.host)) {
            log_.warn("password sent without TLS", {{"host", endpoint.host}});
        }
        context_.wheel.arm(timer_, base::clock::now() + settings_.upstream.limits.connect_timeout);
        connection_.start(std::move(stream), endpoint.host);
    }

    std::optional<net::byte_stream> open_stream(int fd, const manifest::endpoint& endpoint) {
        if (!endpoint.tls) return net::byte_stream(fd);
        std::optional<net::byte_stream> secured;
        if (settings_.tls) {
            const auto& tls = settings_.upstream.tls;
            const bool named = tls && !tls->server_name.empty();
            secured = settings_.tls->open(fd, named ? tls->server_name : endpoint.host);
        }
        if (!secured) ::close(fd);
        return secured;
    }

    void endpoint_failed(const std::string& error) {
        metrics_.connection_failures.add();
        const auto& endpoint = endpoints_[next_endpoint_];
        connection_.set_last_error(endpoint.host + ": " + error);
        log_.warn(
            "upstream connection failed",
            {{"host", endpoint.host}, {"port", endpoint.port}, {"error", error}}
        );
        ++next_endpoint_;
        try_endpoint();
    }

    void wait() {
        state_ = uplink_state::waiting;
        context_.wheel.arm(timer_, base::clock::now() + backoff_.next(context_.random()));
    }

    void on_timer(base::time_point) {
        switch (state_) {
            case uplink_state::connecting:
                if (connection_.active()) {
                    return connection_.abort("amqp:connection:forced", "timed out before open");
                }
                if (!connector_) begin_round();  // the first turn
                return;
            case uplink_state::waiting:
                return begin_round();
            case uplink_state::closing:
                return connection_.abort("amqp:connection:forced", "close timed out");
            case uplink_state::connected:
            case uplink_state::closed:
                return;
        }
    }

    void on_open() override {
        const auto& endpoint = endpoints_[next_endpoint_];
        state_ = uplink_state::connected;
        opened_at_ = base::clock::now();
        context_.wheel.cancel(timer_);
        connection_.set_last_error({});
        log_.info("upstream connected", {{"host", endpoint.host}, {"port", endpoint.port}});
    }

    void on_gone(const error_text& error) override {
        context_.wheel.cancel(timer_);
        if (state_ == uplink_state::closing) return closed();
        const auto text = error.empty() ? std::string("connection lost") : error.joined();
        if (state_ != uplink_state::connected) return endpoint_failed(text);
        log_.warn("upstream connection lost", {{"error", text}});
        if (base::clock::now() - opened_at_ >= stable_after) backoff_.reset();
        wait();
    }

    void closed() {
        state_ = uplink_state::closed;
        context_.wheel.cancel(timer_);
    }

    engine_context context_;
    uplink_settings settings_;
    uplink_metrics& metrics_;
    base::logger log_;
    std::vector<manifest::endpoint> endpoints_;
    base::backoff backoff_;
    uplink_connection connection_;
    std::shared_ptr<endpoint_connector> connector_;
    member_timer<uplink_impl, &uplink_impl::on_timer> timer_{*this};
    uplink_state state_ = uplink_state::connecting;
    std::size_t next_endpoint_ = 0;
    base::time_point opened_at_{};
};

}  // namespace

std::unique_ptr<uplink> make_uplink(
    engine_context context,
    uplink_settings settings,
    uplink_metrics& metrics,
    const base::logger& log
) {
    return std::make_unique<uplink_impl>(std::move(context), std::move(settings), metrics, log);
}

}  // namespace pgw::amqp
