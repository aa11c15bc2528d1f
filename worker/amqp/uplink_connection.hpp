// The AMQP side of an uplink: one connection after another, its sessions and its senders. Internal:
// sees Proton.
#pragma once

#include "common/base/log.hpp"
#include "worker/amqp/driver_io.hpp"
#include "worker/amqp/profile.hpp"
#include "worker/amqp/sender_link.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pgw::amqp {

/// What becomes of the connection, for the uplink's own state machine.
class connection_events {
public:
    virtual void on_open() = 0;      ///< The peer's open arrived; senders are being attached.
    virtual void on_accepted() = 0;  ///< A delivery was accepted; told once a link.
    /// There are senders, and the peer refused each of them or ended it before it was of use.
    virtual void on_links_failed() = 0;
    /// The connection is gone; all senders have been told.
    virtual void on_gone(const error_text& error) = 0;

protected:
    ~connection_events() = default;
};

class uplink_connection final : private driver_events, private sender_host {
public:
    uplink_connection(
        const engine_context& context,
        const uplink_settings& settings,
        uplink_metrics& metrics,
        connection_events& events,
        const base::logger& log
    );
    ~uplink_connection() override;

    /// Starts AMQP on a connected stream. `host` goes into the open frame.
    void start(net::byte_stream stream, const std::string& host);
    bool active() const noexcept { return io_ != nullptr; }
    void abort(std::string_view condition, std::string_view description);
    void close();  ///< Detaches and closes in order.
    std::shared_ptr<sender_link> open_sender(const sender_options& options, sender_events& events);
    void set_last_error(std::string text) { last_error_ = std::move(text); }
    std::string last_error() const override { return last_error_; }

private:
    // driver_events
    void on_event(pn_event_t* event) override;
    void on_flushed() override;
    void on_finished(const error_text& error) override;
    // sender_host
    void mark() override;
    void await_room(sender_link& link) override;
    void protocol_error(std::string_view description) override;
    void forget(sender_link& link) override;
    void on_accepted() override { events_.on_accepted(); }
    base::time_point now() const override { return context_.now(); }

    void configure_sasl(bool tls);
    void on_remote_open();
    void on_session_end(pn_session_t* session);
    void on_link_end(sender_link& link, const link_end& end);
    void lose_senders(const error_text& cause, bool blames);
    std::uint64_t suspects_of(const session_slot* slot) const;
    void log_failure(sender_link& link);
    void look_for_failed_links();
    void refuse_link(pn_link_t* link);
    void refuse_session(pn_session_t* session);
    void attach_due(base::time_point now);
    void attach(sender_link& link, base::time_point now);
    void attach_waiting();
    bool is_exclusive(const sender_link& link) const;
    bool awaits_begin(const sender_link& link) const;
    session_slot* slot_for(const sender_link& link);
    void drop_empty_slots();
    void arm_attach_timer();
    std::string link_name();

    engine_context context_;
    const uplink_settings& settings_;
    const profile& profile_;
    uplink_metrics& metrics_;
    connection_events& events_;
    const base::logger& log_;
    std::shared_ptr<driver_io> io_;
    std::vector<std::shared_ptr<sender_link>> senders_;
    std::vector<std::shared_ptr<sender_link>> waiting_for_room_;
    std::vector<std::unique_ptr<session_slot>> slots_;
    member_timer<uplink_connection, &uplink_connection::attach_due> attach_timer_{*this};
    error_text close_error_;  ///< The peer's close, reported when the socket goes.
    std::string last_error_;
    std::uint32_t refused_links_ = 0;
    bool open_ = false;
    bool begun_ = false;  ///< The peer has begun a session of ours.
    bool closing_ = false;
    bool anonymous_relay_ = false;
};

}  // namespace pgw::amqp
