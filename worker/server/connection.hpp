// One device's socket: reads into the thread's scratch, feeds the session, writes once a turn. It
// decides nothing about MQTT: it does what the session's turn says.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/base/flush_queue.hpp"
#include "common/base/log.hpp"
#include "common/base/timing_wheel.hpp"
#include "common/net/byte_stream.hpp"
#include "worker/server/holders.hpp"
#include "worker/server/input_buffer.hpp"
#include "worker/server/metrics.hpp"
#include "worker/server/pending_pool.hpp"
#include "worker/server/poller.hpp"
#include "worker/session/session.hpp"

#include <memory>
#include <optional>
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

    virtual server::poller& poller() noexcept = 0;
    virtual base::timing_wheel& wheel() noexcept = 0;
    virtual base::flush_queue& flush_queue() noexcept = 0;
    /// The time of the present loop turn.
    virtual base::time_point now() const noexcept = 0;
    virtual session::services& services() noexcept = 0;
    virtual server_metrics& metrics() noexcept = 0;
    virtual const base::logger& log() noexcept = 0;
    /// One buffer a thread, at least read_size + joined_size, used during a call only.
    virtual std::span<std::byte> scratch() noexcept = 0;
    virtual budget_holders<connection>& holders() noexcept = 0;
    /// Whether this thread is the client's home.
    virtual bool at_home(std::string_view client_id) noexcept = 0;
    /// Takes the connection's parts to the client's home thread.
    virtual void move_home(std::string_view client_id, moving_connection moving) = 0;
    /// The connection is closed and nothing refers to it: destroy it behind this loop turn.
    virtual void retire(connection& connection) noexcept = 0;
};

/// Owned by its thread. Destroyed only after retire(), and not within the loop turn of it.
class connection final : public base::flushable,
                         public ready_sink,
                         private base::wheel_timer,
                         private pending_owner,
                         public session::transport {
public:
    /// Read at once: enough to batch, few enough to be fair.
    static constexpr std::size_t read_size = 64 << 10;
    /// A partial packet up to this size is joined with what follows in the scratch; a larger one
    /// stays where it is and what follows is read behind it. Either way a read costs the same
    /// however much has come before.
    static constexpr std::size_t joined_size = 4 << 10;

    connection(connection_host& host, moving_connection moving);
    ~connection() override;

    /// Begins: the TLS handshake, or CONNECT, or (moved here) the bytes that came along.
    void start();
    /// The worker drains.
    void drain();
    /// Ends it now, telling the device why if the protocol can.
    void close(session::close_cause cause);

    bool moved_away() const noexcept { return state_ == state::moved; }
    /// Bytes charged to the budget for this connection.
    std::size_t held() const noexcept;

    pending_pool::entry pending{*this};  ///< In the host's pool until a CONNECT is whole.
    std::size_t index = 0;               ///< The host's.

private:
    enum class state : std::uint8_t {
        handshaking,  ///< TLS.
        greeting,     ///< No whole CONNECT yet; not known whether this is the home thread.
        open,         ///< A session has it; its last turn says whether it is read from.
        leaving,      ///< The peer takes no more answers; what it has sent is still processed.
        finishing,    ///< The session is over: the last of its output leaves.
        lingering,    ///< All is written and our side has ended; the peer may close first.
        moved,        ///< Another thread has it.
        closed,
    };

    void on_ready(readiness_change change) override;
    void on_timer(base::time_point now) override;
    void on_session_changed() override;
    bool make_room(std::size_t bytes) override;
    void give_way() override;
    void flush() override;

    void handshake();
    void read();
    net::io_result read_joined();
    net::io_result read_behind();
    net::io_result read_into(std::span<std::byte> to, std::size_t& got);
    void on_read(net::io_status status);
    void take(base::bytes_view bytes, bool is_input);
    std::size_t greet(base::bytes_view bytes);
    void move_away(std::string_view client_id, base::bytes_view bytes);
    void on_input_end();
    void refeed();
    void obey(const session::turn& turn);
    void write();
    void stop_writing();
    void keep_unsent();
    void finish();
    void discard();
    void drop();
    void rearm();
    void report_held();
    bool alive() const noexcept { return state_ != state::moved && state_ != state::closed; }

    connection_host& host_;
    net::byte_stream stream_;
    input_buffer input_;  ///< What the session has not taken; empty while idle.
    std::vector<std::byte> output_;
    base::byte_charge unsent_;  ///< Of output that the socket did not take.
    std::optional<session::client_session> session_;
    session::turn turn_;  ///< The session's last.
    const std::string* listener_;
    base::time_point accepted_;
    budget_holders<connection>::entry holder_;
    state state_;
    /// What the poller said and was not used up: the socket may have more to read, and whether that
    /// goes to its end, which no further event announces.
    bool readable_ = false;
    bool ended_ = false;
};

}  // namespace pgw::server
