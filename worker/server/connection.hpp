// One device's socket: reads into the thread's scratch, feeds the session, writes once a turn. It
// decides nothing about MQTT.
#pragma once

#include "common/base/flush_queue.hpp"
#include "common/base/log.hpp"
#include "common/base/timing_wheel.hpp"
#include "common/net/byte_stream.hpp"
#include "worker/server/loop.hpp"
#include "worker/server/metrics.hpp"
#include "worker/session/session.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pgw::server {

class connection;

/// A connection between two threads: the socket, what was read, and where it came from.
struct moving_connection {
    net::byte_stream stream;
    std::vector<std::byte> input;
    const std::string* listener = nullptr;  ///< Lives as long as the worker.
    base::time_point accepted{};
};

/// What a connection uses of its thread.
class connection_host {
public:
    virtual ~connection_host() = default;

    virtual server::loop& loop() noexcept = 0;
    virtual session::services& services() noexcept = 0;
    virtual server_metrics& metrics() noexcept = 0;
    virtual const base::logger& log() noexcept = 0;
    /// One buffer a thread, used during a call only.
    virtual std::span<std::byte> scratch() noexcept = 0;
    /// Whether this thread is the client's home.
    virtual bool at_home(std::string_view client_id) noexcept = 0;
    /// Takes the connection's parts to the client's home thread.
    virtual void move_home(std::string_view client_id, moving_connection moving) = 0;
    /// A CONNECT is complete (or never will be): it no longer counts as pending.
    virtual void on_connect_decided() noexcept = 0;
    /// The connection is closed and nothing refers to it: destroy it at the end of the turn.
    virtual void retire(connection& connection) noexcept = 0;
};

/// Owned by its thread. Destroyed only after retire(): no wait is outstanding then.
class connection final : public base::flushable,
                         private base::wheel_timer,
                         public session::transport {
public:
    connection(connection_host& host, moving_connection moving, bool pending_connect);
    ~connection() override;

    /// Begins: the TLS handshake, or CONNECT, or (moved here) the bytes that came along.
    void start();
    /// The worker drains.
    void drain();
    /// Ends it now, telling the device why if the protocol can.
    void close(session::close_cause cause);

    bool moved_away() const noexcept { return moved_away_; }
    bool told_to_drain() const noexcept { return told_to_drain_; }

    std::size_t index = 0;  ///< The host's.

private:
    enum class state : std::uint8_t {
        handshaking,  ///< TLS.
        greeting,     ///< No complete CONNECT yet; not known whether this is the home thread.
        open,         ///< A session has it.
        finishing,    ///< Writes what is left, then closes.
        closed,
    };

    void on_timer(base::time_point now) override;
    void on_session_changed() override;
    void flush() override;

    void handshake();
    void read();
    void take(std::size_t size);
    void feed(base::bytes_view bytes);
    void greet(base::bytes_view bytes);
    void keep(base::bytes_view bytes);
    void write();
    void finish();
    void discard();
    void drop();
    void want_read();
    void want_write();
    bool woke(bool& waiting, const boost::system::error_code& error);
    void rearm();
    void connect_decided();

    connection_host& host_;
    boost::asio::posix::stream_descriptor waiter_;
    net::byte_stream stream_;
    std::vector<std::byte> input_;  ///< A partial packet, or what must wait; empty while idle.
    std::unique_ptr<session::client_session> session_;
    const std::string* listener_;
    base::time_point accepted_;
    state state_;
    bool reading_ = false;  ///< A wait for readability is outstanding.
    bool writing_ = false;
    bool waited_ = false;  ///< input_ holds what a paused session did not take.
    bool pending_connect_;
    bool shut_ = false;  ///< Our side of the socket is shut down.
    bool moved_away_ = false;
    bool told_to_drain_ = false;
};

}  // namespace pgw::server
