// The server role of the engine: accepts AMQP 1.0 connections and asks a policy what to do. The
// embedded broker, the misbehaving test peer and the bench sink are policies on it.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/base/bytes.hpp"
#include "common/base/log.hpp"
#include "worker/amqp/engine.hpp"
#include "worker/amqp/link.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pgw::amqp {

/// Names one incoming delivery of a link until it is settled.
using delivery_id = std::uint64_t;

/// A link a peer attached. Valid from on_attach until on_detach has returned. `role` is the peer's.
class server_link {
public:
    enum class peer_role : std::uint8_t { sender, receiver };

    virtual ~server_link() = default;
    virtual peer_role role() const = 0;
    virtual std::string_view name() const = 0;
    /// The peer's target (sender) or source (receiver) address; empty for the anonymous terminus.
    virtual std::string_view address() const = 0;
    virtual bool dynamic() const = 0;  ///< The peer asks for a dynamic node.
    virtual std::string_view capability(std::size_t index
    ) const = 0;  ///< Of the terminus ("queue", "topic"); empty past the end.

    // Peer sends.
    virtual void grant(std::uint32_t credit) = 0;  ///< Adds credit.
    virtual void settle(
        delivery_id delivery, const outcome& outcome
    ) = 0;  ///< kind none: settled without a state.
    /// Answers with a state but does not settle (for tests of `received` and friends). kind
    /// unknown: `received`.
    virtual void state_only(delivery_id delivery, const outcome& outcome) = 0;

    // Peer receives.
    virtual std::uint32_t credit() const = 0;
    /// False without credit or room; on_credit follows. `token` comes back in on_settled when not
    /// presettled.
    virtual bool send(base::bytes_view message, std::uint64_t token, bool presettled) = 0;
    virtual bool peer_wants_settled() const = 0;  ///< The peer's snd-settle-mode is settled.
    virtual void drained(
    ) = 0;  ///< Nothing (more) to send: answers a drain request if there is one.

    virtual void detach(
        std::string_view condition, std::string_view description
    ) = 0;                               ///< With closed=true.
    virtual void drop_connection() = 0;  ///< Closes the socket, no AMQP close.
    virtual void close_connection(std::string_view condition, std::string_view description) = 0;
    virtual void stall_connection(bool stalled
    ) = 0;  ///< Stops or resumes reading the connection's socket.

    void* context = nullptr;  ///< The policy's.
};

/// How to answer an attach.
struct attach_verdict {
    bool accepted = true;
    std::string condition;  ///< Refusal: the error of the detach that follows the attach.
    std::string description;
    std::string dynamic_address;  ///< The node made for a dynamic attach.
};

/// Decides. Called on the server's thread, one call at a time; calls on links made from inside take
/// effect in the same turn.
class server_policy {
public:
    virtual ~server_policy() = default;
    /// SASL PLAIN check; ANONYMOUS is offered when this returns true for empty credentials.
    virtual bool authenticate(std::string_view user, std::string_view password) = 0;
    virtual attach_verdict on_attach(server_link& link) = 0;
    virtual void on_detach(server_link& link) = 0;  ///< Also when the connection goes.
    /// A complete message from a sending peer. `settled`: nothing to settle.
    virtual void on_message(
        server_link& link, delivery_id delivery, base::bytes_view message, bool settled
    ) = 0;
    virtual void on_credit(server_link& link
    ) = 0;  ///< The receiving peer granted credit, asked to drain, or there is room again.
    virtual void on_settled(server_link& link, std::uint64_t token, const outcome& outcome) = 0;
};

struct server_options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: any free port.
    std::uint32_t max_connections = 1000;
    std::uint64_t max_message_size = 16ull << 20;
    std::shared_ptr<net::tls_context> tls;  ///< Set: AMQP over TLS only.
    std::string container_id = "pgw-embedded";
    /// Bytes that peers make the server keep: connections, sessions, links with their properties,
    /// unfinished messages, deliveries without an outcome. In sum, and for one connection.
    std::size_t max_held_bytes = 40u << 20;
    std::size_t max_held_by_connection = 26u << 20;
    base::byte_budget* budget = nullptr;  ///< Charged too, if set; outlives the server.
};

class server {
public:
    virtual ~server() = default;  ///< Drops everything.
    virtual std::uint16_t port() const = 0;
};

/// Binds and listens; throws std::system_error when it cannot.
std::unique_ptr<server> make_server(
    engine_context context, server_options options, server_policy& policy, base::logger log
);

}  // namespace pgw::amqp
