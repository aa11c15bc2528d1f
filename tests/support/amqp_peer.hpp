// An AMQP peer that misbehaves on command: a policy on the server role, on a thread of its own.
//
// Every method may be called from the test's thread; commands are done in order by the peer's
// thread, and are done when the method returns.
#pragma once

#include "common/net/tls_context.hpp"
#include "worker/amqp/server.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgw::test {

/// How a message is answered.
struct peer_answer {
    amqp::outcome_kind kind = amqp::outcome_kind::accepted;
    std::string condition;
    std::string description;
    bool delivery_failed = false;
    bool undeliverable_here = false;
    bool settle = true;  ///< False: the state only; kind unknown then means `received`.

    static peer_answer accept() { return {}; }
    static peer_answer reject(std::string condition, std::string description = "no") {
        return {amqp::outcome_kind::rejected, std::move(condition), std::move(description)};
    }
    static peer_answer release() { return {amqp::outcome_kind::released, {}, {}}; }
    static peer_answer modify(bool failed, bool undeliverable) {
        return {amqp::outcome_kind::modified, {}, {}, failed, undeliverable};
    }
    static peer_answer settle_without_state() { return {amqp::outcome_kind::none, {}, {}}; }
    static peer_answer received_only() {
        return {amqp::outcome_kind::unknown, {}, {}, false, false, false};
    }
    static peer_answer settle_received() { return {amqp::outcome_kind::unknown, {}, {}}; }
};

struct peer_options {
    std::uint16_t port = 0;
    std::uint32_t credit_at_attach = 1000;  ///< 0: withheld until grant().
    bool top_up = true;                     ///< A message received grants another.
    std::string user;                       ///< Set: PLAIN only.
    std::string password;
    std::uint64_t max_message_size = 16u << 20;
    std::shared_ptr<net::tls_context> tls;
};

/// A message as it came.
struct peer_message {
    std::string bytes;
    std::string address;  ///< Of the link.
    std::string link_name;
    bool settled = false;   ///< Sent pre-settled.
    bool answered = false;  ///< By us, settled.
};

class amqp_peer {
public:
    explicit amqp_peer(peer_options options = {});
    ~amqp_peer();
    std::uint16_t port() const;

    // What to do with what comes.
    void answer_with(peer_answer answer);  ///< From now on; the beginning is accept().
    void hold();                           ///< No answers until answer().
    void refuse_attach(std::string condition, std::string description = "refused");
    void accept_attach();

    // On command. Links and messages count from 0 in the order they came; detached links keep
    // their numbers and ignore commands.
    void grant(std::size_t link, std::uint32_t credit);
    void answer(std::size_t message, const peer_answer& answer);
    void detach(std::size_t link, const std::string& condition);
    void close_connections(const std::string& condition);
    void drop_connections();
    void stall(bool stalled);  ///< Stops reading from all connections.
    /// The peer's thread does nothing for this long: not even heartbeats. Returns at once.
    void freeze(std::chrono::milliseconds time);
    void stop_listening();  ///< Drops everything and frees the port.
    void listen_again();    ///< On the same port.

    // What happened.
    std::vector<peer_message> messages() const;
    std::size_t message_count() const;
    std::size_t attach_count() const;   ///< Accepted attaches.
    std::size_t refused_count() const;  ///< Refused ones.
    std::size_t detach_count() const;   ///< Links that ended.
    std::vector<std::string> link_names() const;
    /// False when the time is over first.
    bool wait_until(
        const std::function<bool()>& condition,
        std::chrono::milliseconds limit = std::chrono::seconds(10)
    ) const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::test
