// Driving Beast's parser over a byte stream.
#include "common/net/http_connection.hpp"

#include "common/net/tls_context.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <span>
#include <system_error>

namespace pgw::net {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_size = std::size_t{16} << 10;
constexpr std::size_t header_limit = std::size_t{64} << 10;

// A peer that is gone without a word is noticed within a minute or so.
void set_options(int fd) {
    const auto set = [fd](int level, int name, int value) {
        ::setsockopt(fd, level, name, &value, sizeof value);
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

std::string head_of(const http_request& request, const http_peer& peer) {
    std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
    const bool is_v6 = peer.host.find(':') != std::string::npos;
    head += "Host: " + (is_v6 ? "[" + peer.host + "]" : peer.host) + ":" +
            std::to_string(peer.port) + "\r\n";
    for (const auto& [name, value] : request.headers) {
        head += name;
        head += ": ";
        head += value;
        head += "\r\n";
    }
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    }
    return head + "\r\n";
}

using parser_type = http::response_parser<http::string_body>;

void take_head(parser_type& parser, http_response& response) {
    const auto& message = parser.get();
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
        const auto name = field.name_string();
        const auto value = field.value();
        response.headers.emplace_back(
            std::string(name.data(), name.size()), std::string(value.data(), value.size())
        );
    }
}

}  // namespace

http_connection::http_connection(asio::io_context& io, http_peer peer)
    : io_(io), peer_(std::move(peer)), resolver_(io), socket_(io), descriptor_(io), timer_(io) {}

http_connection::~http_connection() {
    if (descriptor_.is_open()) descriptor_.release();
}

void http_connection::abort() {
    aborted_ = true;
    boost::system::error_code ignored;
    resolver_.cancel();
    socket_.cancel(ignored);
    descriptor_.cancel(ignored);
}

void http_connection::arm(base::time_point deadline) {
    timer_.expires_at(deadline);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->timer_.expiry() > asio::steady_timer::clock_type::now()) return;
        self->timed_out_ = true;
        boost::system::error_code ignored;
        self->resolver_.cancel();
        self->socket_.cancel(ignored);
        self->descriptor_.cancel(ignored);
    });
}

void http_connection::disarm() {
    timer_.cancel();
}

http_error http_connection::failure() const {
    if (timed_out_) return {http_failure::timed_out, "timed out"};
    if (aborted_) return {http_failure::stopped, "stopped"};
    const auto text = stream_.error_text();
    return {http_failure::closed, text.empty() ? "connection closed" : text};
}

asio::awaitable<bool> http_connection::wait(direction what) {
    if (timed_out_ || aborted_) co_return false;
    const auto [error] = co_await descriptor_.async_wait(
        what == direction::read ? asio::posix::descriptor_base::wait_read
                                : asio::posix::descriptor_base::wait_write,
        use_tuple
    );
    co_return !error && !timed_out_ && !aborted_;
}

// Connects the socket to one of the host's addresses.
asio::awaitable<http_error> http_connection::connect() {
    std::vector<asio::ip::tcp::endpoint> endpoints;
    boost::system::error_code error;
    if (const auto literal = asio::ip::make_address(peer_.host, error); !error) {
        endpoints.emplace_back(literal, peer_.port);
    } else {
        const auto [failed, found] =
            co_await resolver_.async_resolve(peer_.host, std::to_string(peer_.port), use_tuple);
        if (timed_out_ || aborted_) co_return failure();
        if (failed) {
            co_return http_error{
                http_failure::unreachable, "cannot resolve " + peer_.host + ": " + failed.message()
            };
        }
        for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    }
    std::string last = "no address found";
    for (const auto& endpoint : endpoints) {
        if (timed_out_ || aborted_) co_return failure();
        socket_ = asio::ip::tcp::socket(io_);
        const auto [failed] = co_await socket_.async_connect(endpoint, use_tuple);
        if (!failed) co_return http_error{};
        last = "cannot connect: " + failed.message();
    }
    co_return timed_out_ || aborted_ ? failure() : http_error{http_failure::unreachable, last};
}

asio::awaitable<http_error> http_connection::open(base::time_point deadline) {
    const auto self = shared_from_this();
    arm(deadline);
    if (auto failed = co_await connect()) co_return failed;
    boost::system::error_code error;
    socket_.native_non_blocking(true, error);
    const int fd = socket_.release(error);
    if (error) co_return http_error{http_failure::unreachable, error.message()};
    set_options(fd);
    if (peer_.tls) {
        auto opened =
            peer_.tls->open(fd, peer_.server_name.empty() ? peer_.host : peer_.server_name);
        if (!opened) {
            stream_ = byte_stream(fd);
            co_return http_error{http_failure::tls, "TLS is not set up"};
        }
        stream_ = std::move(*opened);
    } else {
        stream_ = byte_stream(fd);
    }
    descriptor_.assign(fd, error);
    if (error) co_return http_error{http_failure::unreachable, error.message()};
    for (;;) {
        const auto done = stream_.handshake();
        if (done.status == io_status::ok) break;
        if (done.status != io_status::want_read && done.status != io_status::want_write) {
            co_return http_error{http_failure::tls, "TLS handshake: " + failure().text};
        }
        const auto what = done.status == io_status::want_read ? direction::read : direction::write;
        if (!co_await wait(what)) co_return failure();
    }
    disarm();
    co_return http_error{};
}

asio::awaitable<bool> http_connection::write(std::string_view bytes) {
    auto rest = std::as_bytes(std::span(bytes));
    while (!rest.empty()) {
        const auto done = stream_.write(rest);
        if (done.status == io_status::ok) {
            sent_ = true;
            rest = rest.subspan(done.transferred);
            continue;
        }
        if (done.status != io_status::want_read && done.status != io_status::want_write) {
            co_return false;
        }
        const auto what = done.status == io_status::want_read ? direction::read : direction::write;
        if (!co_await wait(what)) co_return false;
    }
    co_return true;
}

// Its caller waits for it and holds what is referred to.
// NOLINTBEGIN(cppcoreguidelines-avoid-reference-coroutine-parameters)
asio::awaitable<http_result> http_connection::exchange(
    const http_request& request,
    base::time_point deadline,
    base::milliseconds idle,
    std::size_t max_body,
    const std::function<bool(std::string_view)>& on_data
) {
    // NOLINTEND(cppcoreguidelines-avoid-reference-coroutine-parameters)
    const auto self = shared_from_this();
    http_result result;
    reusable_ = answered_ = sent_ = timed_out_ = false;
    arm(deadline);
    const auto fail = [&](http_error error) {
        disarm();
        result.error = std::move(error);
        return std::move(result);
    };
    // One write for head and body: a small request is one packet.
    const auto bytes = head_of(request, peer_) + request.body;
    if (!co_await write(bytes)) co_return fail(failure());

    parser_type parser;
    parser.eager(true);
    parser.header_limit(static_cast<std::uint32_t>(header_limit));
    parser.body_limit(boost::none);
    std::string pending;  // what the parser could not take yet: a part of a line
    std::array<std::byte, read_size> buffer;
    bool has_head = false;
    while (!parser.is_done()) {
        const auto done = stream_.read(buffer);
        if (done.status == io_status::want_read || done.status == io_status::want_write) {
            const auto what =
                done.status == io_status::want_read ? direction::read : direction::write;
            if (!co_await wait(what)) co_return fail(failure());
            continue;
        }
        boost::system::error_code error;
        if (done.status == io_status::closed) {
            // put_eof is not to be asked before the first byte of an answer.
            if (answered_) parser.put_eof(error);
            if (error || !parser.is_done())
                co_return fail({http_failure::closed, "connection closed"});
            break;
        }
        if (done.status != io_status::ok) co_return fail(failure());
        answered_ = true;
        if (idle.count() > 0) arm(base::clock::now() + idle);
        pending.append(reinterpret_cast<const char*>(buffer.data()), done.transferred);
        while (!pending.empty() && !parser.is_done()) {
            const auto used = parser.put(asio::buffer(pending), error);
            pending.erase(0, used);
            if (error == http::error::need_more) break;
            if (error) {
                co_return fail({http_failure::malformed, "malformed answer: " + error.message()});
            }
            if (used == 0) break;
        }
        if (!has_head && parser.is_header_done()) {
            has_head = true;
            take_head(parser, result.response);
        }
        auto& body = parser.get().body();
        if (has_head && on_data && result.response.status == 200) {
            if (!body.empty() && !on_data(body)) {
                disarm();
                co_return std::move(result);
            }
            body.clear();
        } else if (body.size() > max_body) {
            co_return fail(
                {http_failure::too_large,
                 "the answer is larger than " + std::to_string(max_body) + " bytes"}
            );
        }
        if (pending.size() > header_limit + read_size) {
            co_return fail({http_failure::malformed, "malformed answer"});
        }
    }
    disarm();
    if (!has_head) take_head(parser, result.response);
    result.response.body = std::move(parser.get().body());
    reusable_ = parser.get().keep_alive() && pending.empty();
    co_return std::move(result);
}

bool http_connection::closed_by_peer() const {
    char byte = 0;
    const auto got = ::recv(stream_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK) || stream_.has_pending();
}

}  // namespace pgw::net
