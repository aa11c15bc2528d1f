// One MQTT connection's state machine: bytes in, bytes out, no I/O. It decodes, answers, and hands
// publications to the bridge.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/clock.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/session/ack_window.hpp"
#include "worker/session/first_packet.hpp"
#include "worker/session/services.hpp"
#include "worker/session/topic_aliases.hpp"
#include "worker/session/turn.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::session {

/// Where a session stands.
enum class session_phase : std::uint8_t {
    expecting_connect,  ///< Nothing but CONNECT is allowed.
    connected,          ///< CONNACK with success is in the output.
    closing,            ///< What is in the output is the last of it. No more input.
};

/// Longer client identifiers are refused (0x85, in 3.x 0x02).
inline constexpr std::size_t max_client_id_size = 1024;
/// With more output than this waiting, input is no longer consumed.
inline constexpr std::size_t max_output_size = 65'536;

/// Every input answers with a turn, which says all that the shell has to know.
class client_session final : private bridge::publication_sink {
public:
    /// Answers are appended to `output`, which is the shell's: it removes what it has written and
    /// calls on_written. `now`: when the connection was accepted; connect_timeout runs from there.
    client_session(
        services& services,
        transport& transport,
        std::vector<std::byte>& output,
        std::string_view listener_name,
        base::time_point now
    );
    virtual ~client_session();
    client_session(const client_session&) = delete;
    client_session& operator=(const client_session&) = delete;

    /// Bytes in the order in which they came, beginning with what the last turn left over.
    turn on_bytes(base::bytes_view bytes, base::time_point now);
    /// The client has closed, or the connection broke: what it sent is still to be processed, and
    /// a drain does not stop that.
    turn on_leaving(base::time_point now);
    /// Nothing follows what is left over. Whole packets among it are still processed, also after a
    /// hold; then the connection ends.
    turn on_end(base::bytes_view rest, base::time_point now);
    /// Output was written and removed.
    turn on_written(base::time_point now);
    /// Time passed: call at or after the turn's deadline.
    turn on_timer(base::time_point now);
    /// After on_session_changed.
    turn look(base::time_point now);
    /// The worker drains: stop taking publications; DISCONNECT (v5: 0x8B) and closing once the last
    /// acknowledgement is written, at once if there is none.
    turn drain(base::time_point now);
    /// Ends the connection for a cause of the shell's, with the matching DISCONNECT if the protocol
    /// has one and CONNECT was accepted.
    turn close(close_cause cause, base::time_point now);

    // For logs and tests; the shell acts on turns alone.
    session_phase phase() const noexcept { return phase_; }
    close_cause cause() const noexcept { return cause_; }
    std::string_view client_id() const noexcept { return client_id_; }

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
    turn answer(std::size_t used = 0) const noexcept;
    base::time_point deadline() const noexcept;
    std::size_t consume(base::bytes_view bytes, base::time_point now);
    void expect_rest(std::size_t have, std::size_t total, bool began, base::time_point now);
    void pause(pause_cause cause, base::time_point now);
    void resume(unsigned causes);
    void finish(close_cause cause);
    void release(base::time_point now);
    void publish_will(base::time_point now);
    void trim();
    bool keep(std::size_t bytes);
    /// Assigning an empty list would keep its memory.
    void forget_will() noexcept { std::vector<std::byte>().swap(will_); }
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
    void drop_system_publication(std::string_view topic);
    bool has_place(std::size_t size, base::time_point now);
    bool submit(const mqtt::publish& packet, std::size_t size, base::time_point now);
    void settle(ack_slot& slot, const bridge::result& result);
    void acknowledge(const ack_slot& slot, std::string_view text);
    void flush_window();

    bool v5() const noexcept { return version_ == mqtt::protocol_version::v5; }

    services& services_;
    transport& transport_;
    std::vector<std::byte>& output_;
    std::string client_id_;
    std::string listener_;
    bridge::stream_handle stream_;
    std::vector<std::byte> will_;  ///< As an encoded PUBLISH; empty: none, or no longer due.
    ack_window window_;            ///< QoS 1 publications without PUBACK, in order of arrival.
    topic_aliases aliases_;
    base::byte_charge kept_;        ///< Names, Will and aliases, as charged to the budget.
    base::time_point last_packet_;  ///< Start of the connection, then the last complete packet.
    base::time_point paused_since_{};
    /// When the packet that has begun must be whole. max(): none has.
    base::time_point packet_deadline_ = base::time_point::max();
    std::uint32_t missing_ = 0;             ///< Bytes it still lacks; 0: not known.
    std::uint32_t keep_alive_ms_ = 0;       ///< One and a half times the keep alive in force.
    std::uint32_t client_max_packet_size_;  ///< What the client accepts.
    session_phase phase_ = session_phase::expecting_connect;
    close_cause cause_ = close_cause::none;
    mqtt::protocol_version version_ = mqtt::protocol_version::v3_1_1;
    std::uint8_t pauses_ = 0;          ///< A set of pause_cause.
    bool paused_ = false;              ///< pauses_ is not empty.
    bool resuming_ = false;            ///< Was paused and nothing was consumed since.
    bool draining_ = false;            ///< drain() was called.
    bool leaving_ = false;             ///< on_leaving() was called.
    bool ended_ = false;               ///< on_end() was called: what is left over is the last.
    bool told_system_ = false;         ///< The log has its line about $SYS/.
    bool problem_information_ = true;  ///< Reason Strings are welcome on any packet.
    bool expiry_asked_ = false;        ///< CONNECT had a Session Expiry Interval above 0.
};

}  // namespace pgw::session
