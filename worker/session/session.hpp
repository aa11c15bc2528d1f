// One MQTT connection's state machine: bytes in, bytes out, no I/O. It decodes, answers, and hands
// publications to the bridge.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "common/spec/gateway.hpp"
#include "worker/bridge/publisher.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::session {

/// Why a connection ends. Each value is a metric label and a log word.
enum class close_cause : std::uint8_t {
    none,
    client_disconnect,
    transport_closed,  ///< The peer vanished without DISCONNECT.
    connect_timeout,
    keep_alive_timeout,
    malformed_packet,
    protocol_error,
    packet_too_large,
    unsupported_version,
    identifier_rejected,
    not_authorized,
    receive_maximum_exceeded,
    taken_over,
    refused_publication,  ///< MQTT 3.1.1: a publication was refused and onRefused says Disconnect.
    stalled,              ///< Paused for longer than maxPause.
    overloaded,           ///< A limit on connections was reached.
    draining,
    internal_error,
};
std::string_view name(close_cause cause) noexcept;
inline constexpr std::size_t close_cause_count = 18;

/// Single-writer counters of one thread.
struct session_metrics {
    base::counter connects_v3;
    base::counter connects_v5;
    base::counter publishes_qos0;
    base::counter publishes_qos1;
    base::counter pubacks;
    base::counter payload_bytes;
    std::array<base::counter, close_cause_count> closes;
    base::gauge connected;  ///< CONNACK sent, not closed.
    base::gauge paused;
};

class client_session;

/// The connected clients of one thread by client id. Sessions enter and leave by themselves.
class directory {
public:
    directory();
    ~directory();
    client_session* find(std::string_view client_id) const noexcept;
    std::size_t size() const noexcept;
    void for_each(const std::function<void(client_session&)>& visit
    );  ///< `visit` may close the session it is given.

private:
    friend class client_session;
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// What a session uses of its thread. All of it outlives the session.
struct services {
    const spec::limits& limits;
    bridge::publisher& publisher;
    directory& clients;
    session_metrics& metrics;
    std::function<std::string()> assign_client_id;  ///< An id that is at home on this thread.
    bool anonymous_allowed = false;
};

/// The shell that owns the socket. Called on the session's thread.
class transport {
public:
    /// Output was appended to client_session::output(), or the session's state changed (paused,
    /// resumed, closing) outside of on_bytes: look again at the end of the turn.
    virtual void on_session_changed() = 0;

protected:
    ~transport() = default;
};

/// Where a session stands.
enum class session_phase : std::uint8_t {
    expecting_connect,  ///< Nothing but CONNECT is allowed.
    connected,          ///< CONNACK with success is in the output.
    closing,            ///< Write what is in output(), then close the socket. No more input.
};

/// What the first packet says, read before the session exists, to find its home thread.
struct first_packet {
    enum class kind : std::uint8_t {
        incomplete,  ///< More bytes are needed; never asks for more than a CONNECT within the
                     ///< limits can hold.
        connect,     ///< A well-formed CONNECT; client_id is set (empty: to be assigned).
        refused,     ///< Anything else: let a session on this thread answer and close.
    };
    kind verdict = kind::incomplete;
    std::string_view client_id;  ///< Into the bytes given.
};
first_packet peek(base::bytes_view bytes, const spec::limits& limits);

class client_session final : private bridge::publication_sink {
public:
    client_session(
        services& services,
        transport& transport,
        std::string_view listener_name,
        base::time_point now
    );
    ~client_session();
    client_session(const client_session&) = delete;
    client_session& operator=(const client_session&) = delete;

    /// Feeds received bytes in order and returns how many were consumed; the rest (a partial
    /// packet, or everything from a publication that must wait) is to be given again with what
    /// follows. With paused() true do not read from the socket, and call again with the rest when
    /// on_session_changed says paused() is false.
    std::size_t on_bytes(base::bytes_view bytes, base::time_point now);
    /// Time passed: checks the deadline. Call at or after deadline().
    void on_timer(base::time_point now);
    /// The next moment at which on_timer must be called. It may move later without notice (then
    /// on_timer does nothing); it moves earlier only together with on_session_changed.
    base::time_point deadline() const noexcept;
    /// The socket is gone.
    void on_transport_closed(base::time_point now);
    /// The worker drains: stop taking publications; DISCONNECT (v5: 0x8B) and closing once the last
    /// acknowledgement is written, at once if there is none.
    void drain(base::time_point now);
    /// Ends the connection for a cause of the shell's, with the matching DISCONNECT or CONNACK if
    /// the protocol has one.
    void close(close_cause cause, base::time_point now);

    session_phase phase() const noexcept { return phase_; }
    bool paused() const noexcept { return paused_; }
    close_cause cause() const noexcept { return cause_; }
    std::string_view client_id() const noexcept;
    /// Bytes to write, appended by the session; the shell removes what it has written.
    std::vector<std::byte>& output() noexcept { return output_; }

private:
    void on_result(std::uint32_t sequence, const bridge::result& result) override;
    void on_capacity() override;

    services& services_;
    transport& transport_;
    std::vector<std::byte> output_;
    session_phase phase_ = session_phase::expecting_connect;
    bool paused_ = false;
    close_cause cause_ = close_cause::none;
};

}  // namespace pgw::session
