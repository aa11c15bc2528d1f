// One HTTP/1.1 connection. Internal to common/net: sees Asio.
#pragma once

#include "common/net/byte_stream.hpp"
#include "common/net/http_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace pgw::net {

/// Owned by the request that uses it, or by the pool while it is idle.
class http_connection : public std::enable_shared_from_this<http_connection> {
public:
    http_connection(boost::asio::io_context& io, http_peer peer);
    ~http_connection();

    /// Resolves, connects, shakes hands. Without an error it is open.
    boost::asio::awaitable<http_error> open(base::time_point deadline);

    /// One request and its answer. `on_data` empty: the body is in the response, at most `max_body`
    /// of it. `idle` > 0: the deadline moves on with every piece of input.
    boost::asio::awaitable<http_result> exchange(
        const http_request& request,
        base::time_point deadline,
        base::milliseconds idle,
        std::size_t max_body,
        const std::function<bool(std::string_view)>& on_data
    );

    const http_peer& peer() const noexcept { return peer_; }
    bool reusable() const noexcept { return reusable_; }
    bool answered() const noexcept { return answered_; }  ///< Of the last request: a byte came.
    bool sent() const noexcept { return sent_; }          ///< Of the last request: a byte went.
    bool closed_by_peer() const;  ///< While idle: input, which can only be the end.
    void abort();                 ///< Ends what is under way.

private:
    enum class direction : std::uint8_t { read, write };

    boost::asio::awaitable<http_error> connect();
    boost::asio::awaitable<bool> wait(direction what);
    boost::asio::awaitable<bool> write(std::string_view bytes);
    void arm(base::time_point deadline);
    void disarm();
    http_error failure() const;

    boost::asio::io_context& io_;
    const http_peer peer_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::ip::tcp::socket socket_;               ///< Until it is connected.
    boost::asio::posix::stream_descriptor descriptor_;  ///< Waits on the stream's descriptor.
    byte_stream stream_;
    boost::asio::steady_timer timer_;
    bool timed_out_ = false;
    bool aborted_ = false;
    bool reusable_ = false;
    bool answered_ = false;
    bool sent_ = false;
};

}  // namespace pgw::net
