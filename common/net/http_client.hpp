// An HTTP/1.1 client: kept-alive connections for requests, one connection for a stream. Coroutines
// on one io_context, which one thread runs.
#pragma once

#include "common/base/clock.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace pgw::net {

class tls_context;

/// Where a request goes. Connections are shared by requests whose peers are equal.
struct http_peer {
    std::string host;  ///< A name or an IP address.
    std::uint16_t port = 0;
    std::shared_ptr<tls_context> tls;  ///< nullptr: plain.
    std::string server_name;           ///< That the certificate must carry; empty: the host.
    std::uint64_t generation = 0;  ///< Of the TLS settings: older connections are not used again.

    bool operator==(const http_peer&) const = default;
};

struct http_request {
    std::string method = "GET";
    std::string target = "/";
    /// Host and Content-Length are added.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    /// Whether it may be sent again when a kept connection turned out to be closed.
    bool repeatable = true;
};

struct http_response {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    std::string_view header(std::string_view name) const;  ///< The first of that name, any case.
    std::vector<std::string_view> all(std::string_view name) const;
};

enum class http_failure : std::uint8_t {
    none,
    stopped,      ///< The client was stopped, or the connection aborted.
    timed_out,    ///< The deadline came, or the silence was too long.
    unreachable,  ///< The name is unknown, or no address takes a connection.
    tls,          ///< The handshake failed, or there is nothing to make it with.
    closed,       ///< The connection broke before the answer was complete.
    malformed,    ///< What came is not HTTP.
    too_large,    ///< The answer is larger than it may be.
};

/// Why there is no answer, and the same in words.
struct http_error {
    http_failure kind = http_failure::none;
    std::string text;

    explicit operator bool() const noexcept { return kind != http_failure::none; }
};

/// Either an answer or an error.
struct http_result {
    http_response response;
    http_error error;

    bool ok() const noexcept { return !error; }
};

struct http_limits {
    base::milliseconds timeout{30'000};  ///< Of all of a request: waiting, connecting, answer.
    std::size_t max_body = std::size_t{64} << 20;
};

struct stream_limits {
    base::milliseconds connect{10'000};
    base::milliseconds idle{300'000};             ///< The longest silence, the head included.
    std::size_t max_body = std::size_t{1} << 20;  ///< Of an answer that is not 200.
};

/// At most `max_connections` requests are under way, further ones wait in order. Streams are not
/// counted. Cancelling the awaiting coroutine ends its request.
class http_client {
public:
    http_client(boost::asio::io_context& io, std::size_t max_connections);
    ~http_client();

    boost::asio::awaitable<http_result> request(
        http_peer peer, http_request request, http_limits limits
    );

    /// With 200 the body goes to `on_data` piece by piece, false ends the stream; any other answer
    /// is returned whole. The result is an error when the connection broke or was silent too long,
    /// and the response without a body after a clean end.
    boost::asio::awaitable<http_result> stream(
        http_peer peer,
        http_request request,
        stream_limits limits,
        std::function<bool(std::string_view)> on_data
    );

    /// Ends all that is under way; what is asked later fails at once.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::net
