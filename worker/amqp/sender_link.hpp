// A sending link across connections: attach, send, outcomes, loss. Internal: sees Proton.
#pragma once

#include "common/base/backoff.hpp"
#include "worker/amqp/engine.hpp"
#include "worker/amqp/proton.hpp"

#include <proton/session.h>

#include <cstdint>
#include <memory>
#include <string>

namespace pgw::amqp {

class sender_link;

/// How a link, or what carried it, ended; see loss.
struct link_end {
    const error_text& error;
    bool blames_a_delivery = false;
    bool shared = false;
    std::uint64_t suspects = 0;
};

/// An AMQP session of the uplink and how many links it carries.
struct session_slot {
    pn_session_t* session = nullptr;
    std::uint32_t links = 0;
    bool exclusive = false;
};

/// What a sender_link needs of its uplink.
class sender_host {
public:
    virtual void mark() = 0;
    /// Calls link.on_flushed() once, after the next write.
    virtual void await_room(sender_link& link) = 0;
    /// The peer broke the protocol in a way Proton does not notice.
    virtual void protocol_error(std::string_view description) = 0;
    virtual void forget(sender_link& link) = 0;
    virtual base::time_point now() const = 0;
    /// The first delivery of an attach was accepted.
    virtual void on_accepted() = 0;
    virtual std::string last_error() const = 0;

protected:
    ~sender_host() = default;
};

/// Shared by the handle that the user owns and by the uplink, so that neither has to outlive the
/// other.
class sender_link final : public std::enable_shared_from_this<sender_link> {
public:
    enum class phase : std::uint8_t {
        detached,   ///< No link; attached at the next chance.
        attaching,  ///< Our attach is on its way.
        refused,    ///< The answer had no target: the peer's detach follows. [2.6.3]
        attached,   ///< Both sides attached.
        failed,     ///< Refused or ended; tried again at retry_at().
    };

    sender_link(
        sender_host& host,
        sender_options options,
        sender_events& events,
        uplink_metrics& metrics,
        base::backoff retry
    );

    // The user's side.
    send_status try_send(base::bytes_view message, std::uint64_t token);
    void abandon(std::uint64_t token);
    sender_state state() const;
    std::string last_error() const;
    void release();  ///< The handle goes: no more events, detach.

    // The uplink's side.
    void attach(session_slot& slot, const std::string& name);
    void on_remote_open(base::time_point now);
    void on_flow();
    void on_delivery(pn_delivery_t* delivery);
    /// The peer detached, or its session ended.
    void on_remote_detach(const link_end& end, base::time_point now, std::uint32_t random);
    /// The connection is gone, and with it the link.
    void on_connection_lost(const link_end& end);
    /// Its deliveries that the peer may have ended something for: those without an outcome; of
    /// pre-settled ones the last, while it is fresh.
    std::uint64_t suspects(base::time_point now) const;
    /// The attach is not possible now.
    void fail(error_text error, base::time_point now, std::uint32_t random);
    /// Tells the user that it may send, if it is so.
    void notify_sendable();
    void on_flushed();   ///< After await_room: there may be room now.
    void begin_close();  ///< Detaches, for an orderly close of the connection.
    void orphan();       ///< The uplink goes.

    const sender_options& options() const noexcept { return options_; }
    phase current_phase() const noexcept { return phase_; }
    base::time_point retry_at() const noexcept { return retry_at_; }
    session_slot* slot() const noexcept { return slot_; }
    bool released() const noexcept { return events_ == nullptr; }
    /// It failed, and not for a message's sake: refused, impossible, or ended soon and unused.
    bool speaks_against_the_endpoint() const noexcept {
        return phase_ == phase::failed && fruitless_;
    }
    /// Whether its failure is another one than the last that was asked for; a success between them
    /// makes the same one news again.
    bool failure_is_news();

private:
    bool has_room() const;
    void await_room();
    /// Drops the link object; tells the user if it had anything to lose. Returns how many
    /// deliveries are in doubt.
    std::uint64_t lose(const link_end& end, bool connection_gone);
    void report_credit(int credit);
    void count(const outcome& outcome);

    sender_host* host_;
    sender_options options_;
    sender_events* events_;
    uplink_metrics* metrics_;
    base::backoff retry_;
    base::time_point retry_at_{};
    base::time_point attached_at_{};
    base::time_point presettled_at_{};  ///< When the last pre-settled delivery was sent.
    session_slot* slot_ = nullptr;
    pn_link_t* link_ = nullptr;
    std::uint64_t max_message_size_ = 0;
    std::uint64_t next_tag_ = 0;
    int reported_credit_ = 0;
    phase phase_ = phase::detached;
    bool wants_sendable_ = true;
    bool awaits_room_ = false;  ///< The uplink has it on its list.
    bool proven_ = false;       ///< A delivery was accepted since the last attach.
    bool fruitless_ = false;    ///< See speaks_against_the_endpoint().
    error_text error_;
    std::string told_failure_;
};

}  // namespace pgw::amqp
