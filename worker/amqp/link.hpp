// What the bridge sees of the AMQP engine: senders with states, tokens and outcomes. Pure
// vocabulary; no Proton or Asio here.
#pragma once

#include "common/base/bytes.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pgw::amqp {

/// A terminal (or missing) outcome of a delivery. Only `accepted` is an acceptance.
enum class outcome_kind : std::uint8_t {
    accepted,
    rejected,
    released,
    modified,
    none,     ///< Settled by the peer without a state.
    unknown,  ///< A state that is no outcome: received, declared, transactional, anything else.
};

/// The views live for the call.
struct outcome {
    outcome_kind kind = outcome_kind::unknown;
    /// rejected: the error's symbol, such as amqp:resource-limit-exceeded.
    std::string_view condition;
    std::string_view description;     ///< rejected: the error's text.
    bool delivery_failed = false;     ///< modified.
    bool undeliverable_here = false;  ///< modified.
};

enum class send_status : std::uint8_t {
    sent,  ///< Handed to the engine; on unsettled links exactly one on_outcome or on_lost follows.
    no_credit,    ///< on_sendable will be called.
    window_full,  ///< The session's outgoing bytes are at their bound; on_sendable will be called.
    closed,       ///< Not attached now; on_sendable will be called when it is.
    too_large,    ///< Larger than the peer's max-message-size for this link. Permanent for this
                  ///< message.
};

enum class sender_state : std::uint8_t { attaching, ready, starved, failed };

struct sender_options {
    std::string address;      ///< Empty: the anonymous terminus; every message carries `to`.
    bool presettled = false;  ///< snd-settle-mode settled (QoS 0), else unsettled.
};

/// How a link was lost, and what that says of the deliveries without an outcome. The views live for
/// the call.
struct loss {
    std::string_view condition;  ///< Empty: none was given.
    std::string_view description;
    /// The peer ended it with an error that a delivery may have caused. False for the end of the
    /// stream, a time-out of ours, an end without an error, and for errors that are about the peer
    /// itself: a restart must look like none of our messages' fault.
    bool blames_a_delivery = false;
    bool shared = false;  ///< Its session or connection ended, and other links with it.
    /// Deliveries, over all that ended with it, that it may have been about.
    std::uint64_t suspects = 0;
};

/// Called on the owning thread, never from inside try_send.
class sender_events {
public:
    virtual ~sender_events() = default;
    /// The link is attached and there is credit and room.
    virtual void on_sendable() = 0;
    /// The outcome of the delivery sent under `token`; it is settled already.
    virtual void on_outcome(std::uint64_t token, const outcome& outcome) = 0;
    /// The link or its connection is gone: no outcome will come for what is unsettled. The engine
    /// re-attaches by itself under a fresh name.
    virtual void on_lost(const loss& loss) = 0;
};

/// A sending link that outlives connections: the uplink re-attaches it. One thread.
class sender {
public:
    virtual ~sender() = default;  ///< Detaches.
    /// Sends one encoded bare message (header to body). The bytes are copied. `token` comes back
    /// with the outcome.
    virtual send_status try_send(base::bytes_view message, std::uint64_t token) = 0;
    /// Gives up waiting for an outcome: settles the delivery, no event follows. Nothing happens
    /// when it is not outstanding.
    virtual void abandon(std::uint64_t token) = 0;
    virtual sender_state state() const = 0;
    /// The last attach or connection error: condition and description, empty if none.
    virtual std::string last_error() const = 0;
};

/// Connection state for /status, /readyz and logs.
enum class uplink_state : std::uint8_t { connecting, connected, waiting, closing, closed };

/// One AMQP connection of one thread to one upstream, with failover and reconnect behind it.
class uplink {
public:
    virtual ~uplink() = default;
    /// `events` must outlive the sender.
    virtual std::unique_ptr<sender> open_sender(
        const sender_options& options, sender_events& events
    ) = 0;
    virtual uplink_state state() const = 0;
    virtual std::string last_error() const = 0;
    /// A device or a publication needs the upstream: a pause between attempts is cut short, within
    /// bounds. Costs next to nothing while connected.
    virtual void want() = 0;
    /// Detaches and closes in order; `state()` becomes closed at the latest when the connection is
    /// gone or 2 s have passed. No reconnect after.
    virtual void close() = 0;
};

}  // namespace pgw::amqp
