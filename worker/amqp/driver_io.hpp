// One AMQP connection on one socket: Proton's connection driver, a byte stream, the waits for
// readiness. Both roles share it. Internal: sees Proton and Asio.
#pragma once

#include "common/net/byte_stream.hpp"
#include "worker/amqp/engine.hpp"
#include "worker/amqp/frame_guard.hpp"
#include "worker/amqp/member_timer.hpp"
#include "worker/amqp/proton.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <proton/connection_driver.h>
#include <proton/event.h>

#include <memory>

namespace pgw::amqp {

/// The largest frame we accept and therefore buffer, bytes. [2.7.1]
inline constexpr std::uint32_t max_frame_size = 64u << 10;
/// A session takes no more deliveries while this many bytes wait in it for the socket.
inline constexpr std::size_t max_session_outgoing = 1u << 20;

/// What a role does with a connection. Called on its thread from the read handler, from flush and
/// from timers.
class driver_events {
public:
    virtual ~driver_events() = default;

    virtual void on_event(pn_event_t* event) = 0;
    /// Output was written: there may be room again.
    virtual void on_flushed() = 0;
    /// The last call: the socket is closed. Proton's objects live until the driver_io goes.
    virtual void on_finished(const error_text& error) = 0;
};

/// Held by shared_ptr only because waits outlive their owner's interest; the role owns it.
class driver_io final : public base::flushable, public std::enable_shared_from_this<driver_io> {
public:
    driver_io(const engine_context& context, driver_events& events);
    ~driver_io() override;

    pn_connection_t* connection() noexcept { return driver_.connection; }
    pn_transport_t* transport() noexcept { return driver_.transport; }
    const net::byte_stream& stream() const noexcept { return stream_; }

    /// Starts on a connected socket: the TLS handshake if there is one, then AMQP.
    void start(net::byte_stream stream);
    /// There may be output; it is written at the end of the turn.
    void mark() { context_.flush.mark(*this, base::flush_queue::stage::upstream); }
    /// Closes the socket in this turn's flush, without an AMQP close. The first error is kept.
    void abort(std::string_view condition, std::string_view description);
    /// Stops or resumes reading.
    void stall(bool stalled);
    /// From now on nothing is read while the socket takes no output: for a peer that does not read,
    /// what its own input makes us answer would pile up. Not for both ends of one connection, which
    /// could wait for each other.
    void read_only_while_written() { polite_ = true; }
    /// The lowest that the peer has announced for its sessions.
    std::uint32_t peer_handle_max() const noexcept { return guard_.handle_max(); }
    /// The owner goes: no more calls, the socket is closed now.
    void disown();

    void flush() override;

private:
    enum class phase : std::uint8_t { idle, handshake, open, finished };
    void step_handshake();
    void wait_read();
    void wait_write();
    void on_readable();
    void read_some();
    bool take_in(std::span<std::byte> bytes);
    void dispatch();
    bool write_out();
    void tick();
    void on_timer(base::time_point now);
    void fail(const char* condition, const std::string& description);
    void finish();
    void close_socket();

    engine_context context_;
    driver_events* events_;
    pn_connection_driver_t driver_{};
    frame_guard guard_{max_frame_size};
    net::byte_stream stream_;
    boost::asio::posix::stream_descriptor descriptor_;
    member_timer<driver_io, &driver_io::on_timer> timer_{*this};
    error_text error_;
    phase phase_ = phase::idle;
    bool reading_ = false;  ///< A wait for readability is outstanding.
    bool writing_ = false;  ///< A wait for writability is outstanding.
    bool stalled_ = false;
    bool aborted_ = false;
    bool polite_ = false;   ///< See read_only_while_written().
    bool blocked_ = false;  ///< The socket took not all of the output.
    bool dispatching_ = false;
    std::size_t kept_ = 0;  ///< Bytes in Proton's buffer that it has not been told of.
    base::time_point linger_until_{};
    base::time_point next_tick_{};
};

}  // namespace pgw::amqp
