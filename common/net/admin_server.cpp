// The admin HTTP server on Beast: one coroutine accepts, one a connection answers.
#include "common/net/admin_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <exception>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace pgw::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr std::size_t header_limit = std::size_t{8} << 10;
constexpr std::chrono::seconds request_deadline{10};
constexpr std::chrono::seconds linger_deadline{1};
constexpr std::chrono::milliseconds accept_pause{100};
constexpr int backlog = 128;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

struct reply {
    http::status status = http::status::ok;
    std::string_view content_type = "text/plain; charset=utf-8";
    std::string body;
};

bool is_loopback(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    }
    return address.is_loopback();
}

reply make_reply(const admin_handlers& handlers, std::string_view path, bool is_local) {
    if (path == "/metrics" && handlers.metrics) {
        return {http::status::ok, "text/plain; version=0.0.4; charset=utf-8", handlers.metrics()};
    }
    if (path == "/livez" && handlers.live) {
        if (handlers.live()) return {.body = "ok\n"};
        return {.status = http::status::service_unavailable, .body = "not live\n"};
    }
    if (path == "/readyz" && handlers.ready) {
        auto [is_ready, why] = handlers.ready();
        return {
            .status = is_ready ? http::status::ok : http::status::service_unavailable,
            .body = std::move(why) + "\n"
        };
    }
    if (path == "/status" && handlers.status) {
        return {http::status::ok, "application/json", handlers.status()};
    }
    if (path == "/config" && handlers.config) {
        if (is_local) return {http::status::ok, "application/json", handlers.config()};
        return {.status = http::status::forbidden, .body = "loopback only\n"};
    }
    return {.status = http::status::not_found, .body = "not found\n"};
}

http::status status_of(const beast::error_code& error) {
    return error == http::error::header_limit ? http::status::request_header_fields_too_large
                                              : http::status::bad_request;
}

// What the parser finds wrong with the request, as opposed to what happens to the connection.
bool is_malformed(const beast::error_code& error) {
    return error.category() == http::make_error_code(http::error::bad_method).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message;
}

void log_end(const base::logger& log, const char* what, const std::exception_ptr& failure) {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log.error(what, {{"error", error.what()}});
    }
}

}  // namespace

// Accepts, and knows the connections that are open.
struct admin_server::impl : std::enable_shared_from_this<impl> {
    struct connection;

    impl(asio::io_context& context, admin_options o, admin_handlers h, base::logger l)
        : io(context),
          options(std::move(o)),
          handlers(std::move(h)),
          log(std::move(l)),
          acceptor(context),
          pause(context) {}

    void listen();
    void stop();
    asio::awaitable<void> accept();
    void open(tcp::socket socket);

    asio::io_context& io;
    const admin_options options;
    const admin_handlers handlers;
    const base::logger log;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::set<connection*> connections;
    std::uint16_t port = 0;
    bool stopped = false;
};

struct admin_server::impl::connection {
    connection(impl& i, tcp::socket socket, bool local)
        : server(i), stream(std::move(socket)), is_local(local) {}

    asio::awaitable<void> serve();
    asio::awaitable<bool> answer();
    asio::awaitable<bool> send(reply what, unsigned version, bool keep_alive, bool is_head);
    reply reply_to(const http::request<http::empty_body>& request) const;

    impl& server;
    beast::tcp_stream stream;
    beast::flat_buffer buffer{2 * header_limit};
    const bool is_local;
};

void admin_server::impl::listen() {
    beast::error_code error;
    const auto check = [&] {
        if (!error) return;
        beast::error_code ignored;
        acceptor.close(ignored);
        throw std::system_error(
            error, "admin server on " + options.address + ":" + std::to_string(options.port)
        );
    };
    const auto address = asio::ip::make_address(options.address, error);
    check();
    const tcp::endpoint endpoint(address, options.port);
    acceptor.open(endpoint.protocol(), error);
    check();
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    check();
    acceptor.bind(endpoint, error);
    check();
    acceptor.listen(backlog, error);
    check();
    port = acceptor.local_endpoint(error).port();
    check();
    asio::co_spawn(io, accept(), [self = shared_from_this()](const std::exception_ptr& failure) {
        log_end(self->log, "admin server ended", failure);
    });
}

void admin_server::impl::stop() {
    stopped = true;
    beast::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (auto* open : connections) open->stream.socket().close(ignored);
}

asio::awaitable<void> admin_server::impl::accept() {
    const auto self = shared_from_this();
    while (!stopped) {
        auto [error, socket] = co_await acceptor.async_accept(use_tuple);
        if (stopped) co_return;
        if (error) {
            // Out of descriptors, most likely: the pending connection stays, so do not spin on it.
            log.warn("admin accept failed", {{"error", error.message()}});
            pause.expires_after(accept_pause);
            co_await pause.async_wait(use_tuple);
            continue;
        }
        if (connections.size() < options.max_connections) open(std::move(socket));
    }
}

void admin_server::impl::open(tcp::socket socket) {
    beast::error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return;  // gone already
    socket.set_option(tcp::no_delay(true), error);
    const auto opened =
        std::make_shared<connection>(*this, std::move(socket), is_loopback(peer.address()));
    connections.insert(opened.get());
    asio::co_spawn(
        io,
        opened->serve(),
        [self = shared_from_this(), opened](const std::exception_ptr& failure) {
            self->connections.erase(opened.get());
            log_end(self->log, "admin connection ended", failure);
        }
    );
}

asio::awaitable<void> admin_server::impl::connection::serve() {
    bool keep_alive = true;
    while (keep_alive && !server.stopped) keep_alive = co_await answer();

    // Unread input would turn the close into a reset, which may overtake the answer.
    beast::error_code error;
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
    if (error || server.stopped) co_return;
    stream.expires_after(linger_deadline);
    std::array<char, 4096> discarded;
    for (int i = 0; i < 64; ++i) {
        const auto [read_error, count] =
            co_await stream.async_read_some(asio::buffer(discarded), use_tuple);
        if (read_error || count == 0) break;
    }
    stream.socket().close(error);
}

// One request. False: the connection ends.
asio::awaitable<bool> admin_server::impl::connection::answer() {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(header_limit);
    parser.body_limit(0);
    // One deadline for reading the request and writing the answer, however slowly bytes come.
    stream.expires_after(request_deadline);
    const auto [error, count] = co_await http::async_read_header(stream, buffer, parser, use_tuple);
    if (server.stopped) co_return false;
    if (error) {
        if (is_malformed(error)) {
            reply refusal{.status = status_of(error), .body = "bad request\n"};
            co_await send(std::move(refusal), 11, false, false);
        }
        co_return false;
    }
    const auto& request = parser.get();
    const bool has_body = !parser.is_done();
    const bool keep_alive = !has_body && request.keep_alive();
    const bool is_head = request.method() == http::verb::head;
    auto what = has_body ? reply{.status = http::status::bad_request, .body = "no body expected\n"}
                         : reply_to(request);
    co_return co_await send(std::move(what), request.version(), keep_alive, is_head);
}

reply admin_server::impl::connection::reply_to(const http::request<http::empty_body>& request
) const {
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        return {.status = http::status::method_not_allowed, .body = "GET and HEAD only\n"};
    }
    const std::string_view target(request.target().data(), request.target().size());
    const auto path = target.substr(0, target.find('?'));
    try {
        return make_reply(server.handlers, path, is_local);
    } catch (const std::exception& error) {
        server.log.error("admin handler failed", {{"path", path}, {"error", error.what()}});
        return {.status = http::status::internal_server_error, .body = "internal error\n"};
    }
}

// Returns whether the connection can go on.
asio::awaitable<bool> admin_server::impl::connection::send(
    reply what, unsigned version, bool keep_alive, bool is_head
) {
    http::response<http::string_body> response(what.status, version);
    response.set(http::field::content_type, what.content_type);
    response.set(http::field::cache_control, "no-store");
    if (what.status == http::status::method_not_allowed) {
        response.set(http::field::allow, "GET, HEAD");
    }
    response.keep_alive(keep_alive);
    response.content_length(what.body.size());
    // HEAD: the length of what GET would get, and nothing of it (RFC 9110, 9.3.2).
    if (!is_head) response.body() = std::move(what.body);
    const auto [error, count] = co_await http::async_write(stream, response, use_tuple);
    co_return !error && keep_alive;
}

admin_server::admin_server(
    asio::io_context& io, admin_options options, admin_handlers handlers, base::logger log
)
    : impl_(std::make_shared<impl>(io, std::move(options), std::move(handlers), std::move(log))) {}

admin_server::~admin_server() {
    impl_->stop();
}

void admin_server::start() {
    impl_->listen();
}

std::uint16_t admin_server::port() const {
    return impl_->port;
}

void admin_server::stop() {
    impl_->stop();
}

}  // namespace pgw::net
