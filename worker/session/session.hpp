// One MQTT connection's state machine: bytes in, bytes out, no I/O. It decodes, answers, and hands
// publications to the bridge.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "common/manifest/model/gateway.hpp"
#include "worker/bridge/publisher.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/session/ack_window.hpp"
#include "worker/session/topic_aliases.hpp"

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
    base::counter publishes_too_deep;  ///< Refused or dropped for their number of topic levels.
    base::counter qos0_refused;        ///< QoS 0 publications that were not taken; nobody is told.
    base::counter wills_published;
    base::counter wills_lost;  ///< The publisher had no room for the Will when it was due.
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
    const manifest::limits& limits;
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
    std::string_view client_id{};  ///< Into the bytes given.
};
first_packet peek(base::bytes_view bytes, const manifest::limits& limits);

/// Longer client identifiers are refused (0x85, in 3.x 0x02).
inline constexpr std::size_t max_client_id_size = 1024;
/// With more output than this waiting, input is no longer consumed.
inline constexpr std::size_t max_output_size = 65'536;

class client_session final : private bridge::publication_sink {
public:
    /// `now`: when the connection was accepted; connect_timeout runs from there.
    client_session(
        services& services,
        transport& transport,
        std::string_view listener_name,
        base::time_point now
    );
    virtual ~client_session();
    client_session(const client_session&) = delete;
    client_session& operator=(const client_session&) = delete;

    /// Feeds received bytes in order and returns how many were consumed; the rest (a partial
    /// packet, or everything from a publication that must wait) is to be given again with what
    /// follows. With paused() true do not read from the socket, and call again with the rest when
    /// on_session_changed says paused() is false.
    std::size_t on_bytes(base::bytes_view bytes, base::time_point now);
    /// Output was written and removed from output(): reading may go on if it had to wait for that,
    /// which on_session_changed tells.
    void on_written(base::time_point now);
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
    /// Ends the connection for a cause of the shell's, with the matching DISCONNECT if the protocol
    /// has one and CONNECT was accepted.
    void close(close_cause cause, base::time_point now);

    session_phase phase() const noexcept { return phase_; }
    bool paused() const noexcept { return paused_; }
    close_cause cause() const noexcept { return cause_; }
    std::string_view client_id() const noexcept { return client_id_; }
    /// Bytes to write, appended by the session; the shell removes what it has written, and tells
    /// on_written.
    std::vector<std::byte>& output() noexcept { return output_; }

private:
    /// Why input is not consumed. Several may hold at once.
    enum pause_cause : std::uint8_t {
        pause_upstream = 1,  ///< The publisher answered blocked.
        pause_window = 2,    ///< 3.x: receive_maximum publications are unacknowledged.
        pause_bytes = 4,     ///< max_inflight_bytes are unacknowledged.
        pause_output = 8,    ///< The peer does not read what it is answered.
        pause_drain = 16,    ///< No more publications are taken.
    };

    void on_result(std::uint32_t sequence, const bridge::result& result) override;
    void on_capacity() override;

    // session.cpp
    std::size_t consume(base::bytes_view bytes, base::time_point now);
    void pause(pause_cause cause, base::time_point now);
    void resume(unsigned causes);
    void finish(close_cause cause);
    void release(base::time_point now);
    void publish_will(base::time_point now);
    void trim();
    void send(const mqtt::packet& packet);
    void send_disconnect(mqtt::reason_code reason, const char* text = nullptr);
    void fail(mqtt::reason_code reason, close_cause cause, const char* text = nullptr);
    void fail(mqtt::errc error);

    // connect.cpp
    void on_first_frame(const mqtt::frame& frame, base::time_point now);
    bool admit(const mqtt::connect& packet);
    void accept(const mqtt::connect& packet, base::time_point now);
    void refuse_connect(
        mqtt::protocol_version version,
        mqtt::reason_code reason,
        close_cause cause,
        const char* text = nullptr
    );
    void keep_will(const mqtt::connect& packet);

    // packets.cpp
    bool on_frame(const mqtt::frame& frame, base::time_point now);
    void on_packet(const mqtt::packet& packet);
    void on_subscribe(const mqtt::subscribe& packet);
    void on_unsubscribe(const mqtt::unsubscribe& packet);
    void on_disconnect(const mqtt::disconnect& packet);

    // publish.cpp
    bool on_publish(const mqtt::frame& frame, base::time_point now);
    bool resolve_alias(mqtt::publish& packet);
    bool has_place(std::size_t size, base::time_point now);
    bool submit(const mqtt::publish& packet, std::size_t size, base::time_point now);
    void settle(ack_slot& slot, const bridge::result& result);
    void acknowledge(const ack_slot& slot, std::string_view text);
    void flush_window();

    bool v5() const noexcept { return version_ == mqtt::protocol_version::v5; }

    services& services_;
    transport& transport_;
    std::vector<std::byte> output_;
    std::string client_id_;
    std::string listener_;
    bridge::stream_handle stream_;
    std::vector<std::byte> will_;  ///< As an encoded PUBLISH; empty: none, or no longer due.
    ack_window window_;            ///< QoS 1 publications without PUBACK, in order of arrival.
    topic_aliases aliases_;
    base::time_point last_packet_;  ///< Start of the connection, then the last complete packet.
    base::time_point paused_since_{};
    std::uint32_t keep_alive_ms_ = 0;       ///< One and a half times the keep alive in force.
    std::uint32_t client_max_packet_size_;  ///< What the client accepts.
    session_phase phase_ = session_phase::expecting_connect;
    close_cause cause_ = close_cause::none;
    mqtt::protocol_version version_ = mqtt::protocol_version::v3_1_1;
    std::uint8_t pauses_ = 0;          ///< A set of pause_cause.
    bool paused_ = false;              ///< pauses_ is not empty.
    bool resuming_ = false;            ///< Was paused and nothing was consumed since.
    bool draining_ = false;            ///< drain() was called.
    bool problem_information_ = true;  ///< Reason Strings are welcome on any packet.
    bool expiry_asked_ = false;        ///< CONNECT had a Session Expiry Interval above 0.
};

}  // namespace pgw::session
