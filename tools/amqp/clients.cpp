#include "tools/amqp/clients.hpp"

#include "tools/amqp/message_text.hpp"

#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/connection_options.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/duration.hpp>
#include <proton/error_condition.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/sender.hpp>
#include <proton/sender_options.hpp>
#include <proton/ssl.hpp>
#include <proton/target_options.hpp>
#include <proton/tracker.hpp>
#include <proton/transport.hpp>
#include <proton/work_queue.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>

namespace pgw::tools {

namespace {

/// What both commands share: connecting, the time limit, errors.
class client : public proton::messaging_handler {
public:
    explicit client(const tool_options& options) : options_(options) {}
    int code() const { return code_; }

    void on_container_start(proton::container& container) override {
        proton::connection_options settings;
        if (!options_.user.empty()) {
            settings.user(options_.user).password(options_.password);
            settings.sasl_allow_insecure_mechs(true).sasl_allowed_mechs("PLAIN");
        } else {
            settings.sasl_allowed_mechs("ANONYMOUS");
        }
        if (!options_.ca.empty()) {
            settings.ssl_client_options(proton::ssl_client_options(
                proton::ssl_certificate("", ""), options_.ca, proton::ssl::VERIFY_PEER_NAME
            ));
        }
        connection_ = container.connect(options_.server, settings);
        deadline_ = clock::now() + std::chrono::milliseconds(options_.timeout_ms);
        if (options_.timeout_ms > 0) watch(container);
    }
    void on_connection_open(proton::connection&) override { opened_ = true; }
    void on_transport_error(proton::transport& transport) override {
        fail(exit_connection, "connection failed: " + transport.error().what());
    }
    void on_connection_error(proton::connection& connection) override {
        fail(exit_connection, "connection closed: " + connection.error().what());
    }
    void on_transport_close(proton::transport& transport) override {
        // Proton says nothing of a peer that just hangs up.
        if (!finished_) fail(exit_connection, "connection lost");
        transport.connection().container().stop();
    }
    void on_error(const proton::error_condition& error) override {
        fail(exit_connection, error.what());
    }

protected:
    /// A sentence about what was done so far.
    virtual std::string progress() const = 0;

    void finish() {
        if (finished_) return;
        finished_ = true;
        code_ = exit_done;
        connection_.close();
    }
    void fail(int code, const std::string& text) {
        if (finished_) return;
        finished_ = true;
        code_ = code;
        std::cerr << "pgw-amqp: " << text << std::endl;
        connection_.close();
    }
    const tool_options& options() const { return options_; }

private:
    using clock = std::chrono::steady_clock;

    // In short steps: a container does not end while something is scheduled, and Proton 0.37 cannot
    // cancel it.
    void watch(proton::container& container) {
        if (finished_) return;
        if (clock::now() >= deadline_) return on_timeout(container);
        container.schedule(proton::duration(20), [this, &container] { watch(container); });
    }

    void on_timeout(proton::container& container) {
        if (!finished_ && !opened_) {
            fail(exit_connection, "connection failed: timed out");
        } else if (!finished_ && options_.command == tool_command::receive && options_.count == 0) {
            finish();
        } else {
            fail(exit_incomplete, "timed out: " + progress());
        }
        container.stop();
    }

    const tool_options& options_;
    proton::connection connection_;
    int code_ = exit_connection;
    clock::time_point deadline_;
    bool opened_ = false;
    bool finished_ = false;
};

class receive_client final : public client {
public:
    using client::client;

    void on_connection_open(proton::connection& connection) override {
        client::on_connection_open(connection);
        // Credit is given by hand, so that no message is taken that is not printed.
        connection.open_receiver(
            options().address, proton::receiver_options().auto_accept(false).credit_window(0)
        );
    }
    void on_receiver_open(proton::receiver& receiver) override {
        constexpr std::uint64_t window = 200;
        const auto credit = options().count == 0 ? window : std::min(window, options().count);
        granted_ = credit;
        receiver.add_credit(static_cast<std::uint32_t>(credit));
    }
    void on_receiver_error(proton::receiver& receiver) override {
        fail(exit_incomplete, "receiver refused: " + receiver.error().what());
    }
    void on_message(proton::delivery& delivery, proton::message& message) override {
        std::cout << (options().json ? to_json(message) : to_line(message)) << std::endl;
        switch (options().settle) {
            case settle_as::accept:
                delivery.accept();
                break;
            case settle_as::release:
                delivery.release();
                break;
            case settle_as::reject:
                delivery.reject();
                break;
        }
        ++received_;
        if (received_ == options().count) return finish();
        if (options().count == 0 || granted_ < options().count) {
            ++granted_;
            delivery.receiver().add_credit(1);
        }
    }

private:
    std::string progress() const override {
        return "received " + std::to_string(received_) + " of " + std::to_string(options().count);
    }

    std::uint64_t received_ = 0;
    std::uint64_t granted_ = 0;
};

class send_client final : public client {
public:
    using client::client;

    void on_connection_open(proton::connection& connection) override {
        client::on_connection_open(connection);
        connection.open_sender(options().address);
    }
    void on_sender_error(proton::sender& sender) override {
        fail(exit_incomplete, "sender refused: " + sender.error().what());
    }
    void on_sendable(proton::sender& sender) override {
        for (; sender.credit() > 0 && sent_ < options().count; ++sent_) sender.send(make());
    }
    void on_tracker_accept(proton::tracker&) override {
        if (++accepted_ == options().count) finish();
    }
    void on_tracker_reject(proton::tracker&) override { refused("rejected"); }
    void on_tracker_release(proton::tracker&) override { refused("released"); }

private:
    std::string progress() const override {
        return std::to_string(accepted_) + " of " + std::to_string(options().count) +
               " messages accepted";
    }
    void refused(const std::string& how) {
        fail(exit_incomplete, "message " + how + ", " + progress());
    }
    proton::message make() const {
        auto body = options().body;
        if (const auto place = body.find("{n}"); place != std::string::npos) {
            body.replace(place, 3, std::to_string(sent_));
        }
        proton::message message;
        message.body(proton::binary(body));
        message.inferred(true);  // a data section
        message.durable(options().durable);
        if (!options().subject.empty()) message.subject(options().subject);
        if (!options().to.empty()) message.to(options().to);
        for (const auto& [key, value] : options().properties) message.properties().put(key, value);
        return message;
    }

    std::uint64_t sent_ = 0;
    std::uint64_t accepted_ = 0;
};

template <class Client>
int run(const tool_options& options) {
    Client handler(options);
    try {
        proton::container(handler).run();
    } catch (const std::exception& error) {
        std::cerr << "pgw-amqp: " << error.what() << std::endl;
        return exit_connection;
    }
    return handler.code();
}

}  // namespace

int run_receive(const tool_options& options) {
    return run<receive_client>(options);
}

int run_send(const tool_options& options) {
    return run<send_client>(options);
}

}  // namespace pgw::tools
