// The shell around the uplink's machine: connector, connection and timer do what it says, and what
// they see goes back into it.
#include "worker/amqp/uplink.hpp"

#include "common/base/address.hpp"
#include "worker/amqp/endpoint_connector.hpp"
#include "worker/amqp/uplink_connection.hpp"
#include "worker/amqp/uplink_machine.hpp"

#include <unistd.h>

#include <optional>
#include <utility>

namespace pgw::amqp {

namespace {

/// The same failure of an endpoint again is worth a line this often; a second between attempts
/// would fill the log of a broker's long absence.
constexpr base::seconds repeat_log_after{30};

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
          failures_(endpoints_.size()),
          machine_(options_of(settings_.upstream.limits, endpoints_.size())),
          connection_(context_, settings_, metrics_, *this, log_) {
        // In the next turn: the caller may still be setting up.
        context_.wheel.arm(timer_, context_.now());
    }

    ~uplink_impl() override {
        if (connector_) connector_->cancel();
    }

    std::unique_ptr<sender> open_sender(const sender_options& options, sender_events& events)
        override {
        return std::make_unique<sender_handle>(connection_.open_sender(options, events));
    }

    uplink_state state() const override {
        switch (machine_.phase()) {
            case uplink_phase::idle:
            case uplink_phase::connecting:
            case uplink_phase::opening:
            case uplink_phase::dropping:
                return uplink_state::connecting;
            case uplink_phase::open:
            case uplink_phase::proven:
                return uplink_state::connected;
            case uplink_phase::held:
            case uplink_phase::waiting:
                return uplink_state::waiting;
            case uplink_phase::closing:
                return uplink_state::closing;
            case uplink_phase::closed:
                break;
        }
        return uplink_state::closed;
    }
    std::string last_error() const override { return connection_.last_error(); }

    void want() override {
        if (machine_.phase() != uplink_phase::waiting) return;
        machine_.on_wanted(moment());
        carry_out(uplink_action::none);
    }

    void close() override { carry_out(machine_.on_close(moment()), "closed"); }

private:
    static uplink_machine_options options_of(
        const manifest::upstream_limits& limits, std::size_t endpoints
    ) {
        return {
            endpoints, limits.reconnect_initial, limits.reconnect_maximum, limits.connect_timeout
        };
    }

    uplink_moment moment() const { return {context_.now(), context_.random(), true}; }

    /// `reason` is what a dropped connection ends with.
    void carry_out(uplink_action action, std::string_view reason = {}) {
        switch (action) {
            case uplink_action::connect:
                connect();
                break;
            case uplink_action::cancel:
                if (connector_) std::exchange(connector_, nullptr)->cancel();
                break;
            case uplink_action::drop:
                connection_.abort("amqp:connection:forced", reason);
                break;
            case uplink_action::close:
                connection_.close();
                break;
            case uplink_action::none:
                break;
        }
        const auto due = machine_.due();
        if (due == base::time_point::max()) {
            context_.wheel.cancel(timer_);
        } else if (!timer_.armed() || timer_.deadline() != due) {
            context_.wheel.arm(timer_, due);
        }
    }

    void connect() {
        connector_ = std::make_shared<endpoint_connector>(
            context_,
            settings_.upstream.limits.connect_timeout,
            [this](int fd, const std::string& error) { on_socket(fd, error); }
        );
        connector_->start(endpoint());
    }

    void on_socket(int fd, const std::string& error) {
        connector_.reset();
        auto stream = fd >= 0 ? open_stream(fd) : std::nullopt;
        if (!stream) note_failure(fd < 0 ? error : "TLS settings are not loaded");
        const auto next = machine_.on_socket(stream.has_value(), moment());
        if (stream) connection_.start(std::move(*stream), endpoint().host);
        carry_out(next);
    }

    std::optional<net::byte_stream> open_stream(int fd) {
        const auto& to = endpoint();
        if (!to.tls) {
            if (settings_.upstream.sasl.mechanism == manifest::sasl_mechanism::plain &&
                !base::is_loopback(to.host)) {
                log_.warn("password sent without TLS", {{"host", to.host}});
            }
            return net::byte_stream(fd);
        }
        std::optional<net::byte_stream> secured;
        if (settings_.tls) {
            const auto& tls = settings_.upstream.tls;
            const bool named = tls && !tls->server_name.empty();
            secured = settings_.tls->open(fd, named ? tls->server_name : to.host);
        }
        if (!secured) ::close(fd);
        return secured;
    }

    void note_failure(const std::string& error) {
        metrics_.connection_failures.add();
        const auto& at = endpoint();
        connection_.set_last_error(at.host + ": " + error);
        auto& last = failures_[machine_.endpoint()];
        const auto now = context_.now();
        if (last.error == error && now < last.logged_at + repeat_log_after) return;
        last = {error, now};
        log_.warn(
            "upstream connection failed", {{"host", at.host}, {"port", at.port}, {"error", error}}
        );
    }

    void on_timer(base::time_point now) {
        auto problem = settings_.secrets ? settings_.secrets->get().problem : std::string();
        const uplink_moment at{now, context_.random(), problem.empty()};
        const bool opening = machine_.phase() == uplink_phase::opening;
        const auto next = machine_.on_timer(at);
        // Whoever watches the secrets has logged the problem.
        if (machine_.phase() == uplink_phase::held) connection_.set_last_error(std::move(problem));
        carry_out(next, opening ? "timed out before open" : "close timed out");
    }

    void on_open() override {
        carry_out(machine_.on_open(moment()));
        connection_.set_last_error({});
        failures_[machine_.endpoint()] = {};
        log_.info("upstream connected", {{"host", endpoint().host}, {"port", endpoint().port}});
    }

    void on_accepted() override {
        machine_.on_accepted();
        carry_out(uplink_action::none);
    }

    void on_links_failed() override {
        carry_out(machine_.on_links_failed(), "no link could be attached");
    }

    void on_gone(const error_text& error) override {
        const auto text = error.empty() ? std::string("connection lost") : error.joined();
        if (machine_.is_open()) {
            log_.warn("upstream connection lost", {{"error", text}});
        } else if (machine_.phase() != uplink_phase::closing) {
            note_failure(text);
        }
        carry_out(machine_.on_gone(error.condition == "amqp:unauthorized-access", moment()));
    }

    const manifest::endpoint& endpoint() const { return endpoints_[machine_.endpoint()]; }

    struct logged_failure {
        std::string error;
        base::time_point logged_at{};
    };

    engine_context context_;
    uplink_settings settings_;
    uplink_metrics& metrics_;
    base::logger log_;
    std::vector<manifest::endpoint> endpoints_;
    std::vector<logged_failure> failures_;  ///< By endpoint.
    uplink_machine machine_;
    uplink_connection connection_;
    std::shared_ptr<endpoint_connector> connector_;
    member_timer<uplink_impl, &uplink_impl::on_timer> timer_{*this};
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
