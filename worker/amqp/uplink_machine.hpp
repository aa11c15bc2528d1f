// Which endpoint an uplink tries when: failover, backoff, stability, close. Pure.
#pragma once

#include "common/base/backoff.hpp"
#include "common/base/clock.hpp"

#include <cstddef>
#include <cstdint>

namespace pgw::amqp {

struct uplink_machine_options {
    std::size_t endpoints = 1;  ///< At least 1.
    base::milliseconds reconnect_initial{100};
    base::milliseconds reconnect_maximum{10'000};
    base::milliseconds connect_timeout{10'000};  ///< From a connected socket to the peer's open.
};

/// What a call of the machine is made at.
struct uplink_moment {
    base::time_point now;
    std::uint32_t random = 0;
    bool has_secrets = true;  ///< The credentials that the upstream needs are loaded.
};

enum class uplink_phase : std::uint8_t {
    idle,        ///< Not begun: the first timer begins.
    held,        ///< The secrets it needs are not there; looks again every second.
    connecting,  ///< A socket to the present endpoint is on its way.
    opening,     ///< The socket is there; TLS, SASL and the peer's open have a deadline.
    open,        ///< The peer's open came. Nothing has proved yet that the endpoint serves.
    proven,      ///< A delivery was accepted, or the connection lasted: the endpoint is a good one.
    dropping,    ///< The connection was given up; its end is near, then the next endpoint is tried.
    waiting,     ///< All endpoints have failed, or a good one was lost: a pause.
    closing,     ///< Its owner closed it; the connection's end is waited for, within a bound.
    closed,      ///< Final.
};

/// What the shell must do. After `connect` comes on_socket, after `drop` and `close` on_gone.
enum class uplink_action : std::uint8_t {
    none,
    connect,  ///< To endpoint().
    cancel,   ///< Give up connecting; nothing follows.
    drop,     ///< End the connection without an AMQP close.
    close,    ///< Detach and close in order.
};

/// Endpoints are tried in rounds: each once, beginning with the one that served last, whatever it
/// was that failed (name, TCP, TLS, SASL, open, every attach, the end soon after the open). Between
/// rounds is a pause that doubles up to a maximum and starts over only when an endpoint has proved
/// itself. A pause is cut short when somebody needs the upstream.
///
/// Between inputs `due` says when `on_timer` is wanted; earlier calls do nothing.
class uplink_machine {
public:
    explicit uplink_machine(const uplink_machine_options& options);

    uplink_action on_timer(const uplink_moment& at);
    /// The connector is done: there is a socket, or not.
    uplink_action on_socket(bool connected, const uplink_moment& at);
    /// The peer's open came.
    uplink_action on_open(const uplink_moment& at);
    /// The upstream accepted a delivery.
    void on_accepted();
    /// No link could be attached. With one endpoint there is nothing better to go to: the links try
    /// again by themselves.
    uplink_action on_links_failed();
    /// The connection ended. `unauthorized`: the peer does not want these credentials, so being
    /// asked again sooner would not help, and might lock an account.
    uplink_action on_gone(bool unauthorized, const uplink_moment& at);
    /// A device or a publication needs the upstream.
    void on_wanted(const uplink_moment& at);
    uplink_action on_close(const uplink_moment& at);

    uplink_phase phase() const noexcept { return phase_; }
    bool is_open() const noexcept {
        return phase_ == uplink_phase::open || phase_ == uplink_phase::proven;
    }
    /// The present endpoint.
    std::size_t endpoint() const noexcept { return endpoint_; }
    base::time_point due() const noexcept { return due_; }

private:
    uplink_action begin_round(const uplink_moment& at);
    uplink_action endpoint_failed(const uplink_moment& at);
    uplink_action wait(const uplink_moment& at);
    void prove();

    uplink_machine_options options_;
    base::backoff backoff_;
    uplink_phase phase_ = uplink_phase::idle;
    std::size_t endpoint_ = 0;
    std::size_t good_ = 0;       ///< Where a round begins: the last one that proved itself.
    std::size_t tried_ = 0;      ///< Endpoints that failed in this round.
    bool unauthorized_ = false;  ///< One of them did not want our credentials.
    base::time_point due_ = base::time_point::min();
    base::time_point waiting_since_{};
};

}  // namespace pgw::amqp
