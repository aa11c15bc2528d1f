// The admin HTTP server on Beast: one coroutine accepts, one a connection answers.
#include "common/net/admin_server.hpp"

#include "common/base/address.hpp"
#include "common/base/clock.hpp"
#include "common/base/descriptor_reserve.hpp"
#include "common/net/admin_reply.hpp"
#include "common/net/admission.hpp"
#include "common/net/request_rules.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <optional>
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
constexpr std::chrono::minutes complaint_interval{1};
// What can arrive while the loop is busy for a moment: a probe that the kernel turns away comes back
// only after a second, which is its time-out.
constexpr int backlog = 1024;
constexpr std::size_t reserved_descriptors = 4;
constexpr std::chrono::milliseconds longest_pause{100};
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

source_key source_of(const asio::ip::address& address) {
    if (address.is_v4()) return address.to_v4().to_uint();
    const auto six = address.to_v6();
    if (six.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, six).to_uint();
    source_key network = 0;
    const auto bytes = six.to_bytes();
    for (std::size_t i = 0; i < sizeof network; ++i) network = network << 8 | bytes[i];
    return network;
}

request_head head_of(const http::request<http::empty_body>& request) {
    request_head head;
    head.is_http_1_1 = request.version() == 11;
    for (const auto& field : request) {
        const std::string_view value(field.value().data(), field.value().size());
        if (field.name() == http::field::host) head.hosts.push_back(value);
        if (field.name() == http::field::transfer_encoding) {
            head.transfer_encodings.push_back(value);
        }
        if (field.name() == http::field::content_length) ++head.content_lengths;
    }
    return head;
}

unsigned status_of(const beast::error_code& error) {
    return error == http::error::header_limit ? 431 : 400;
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
          pause(context),
          pool(options.max_connections, options.max_connections / 2) {}

    void listen();
    void stop();
    asio::awaitable<void> accept();
    void open(tcp::socket socket);
    void close(std::optional<admission::id> victim);
    bool make_room();
    void complain(const char* what, const std::string& error);
    asio::awaitable<void> wait_for_turn();

    asio::io_context& io;
    const admin_options options;
    const admin_handlers handlers;
    const base::logger log;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    admission pool;
    std::map<admission::id, connection*> connections;  ///< Also those that the pool has closed.
    admission::id next = 0;
    base::descriptor_reserve reserve{reserved_descriptors};
    base::time_point last_complaint = base::time_point::min();
    base::time_point next_long_answer{};
    base::duration long_answer_cost{};
    std::uint16_t port = 0;
    bool stopped = false;
};

struct admin_server::impl::connection {
    connection(impl& i, admission::id number, tcp::socket socket, bool local)
        : server(i), id(number), stream(std::move(socket)), is_local(local) {}

    asio::awaitable<void> serve();
    asio::awaitable<bool> answer();
    asio::awaitable<bool> send(admin_reply what, unsigned version, bool keep_alive, bool is_head);
    admin_reply reply(const http::request<http::empty_body>& request, std::string_view path) const;

    impl& server;
    const admission::id id;
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
    for (const auto& [id, open] : connections) open->stream.socket().close(ignored);
}

asio::awaitable<void> admin_server::impl::accept() {
    const auto self = shared_from_this();
    while (!stopped) {
        auto [error, socket] = co_await acceptor.async_accept(use_tuple);
        if (stopped) co_return;
        if (!error) {
            open(std::move(socket));
        } else if (error != asio::error::connection_aborted && !make_room()) {
            // The newcomer stays in the backlog, so do not spin on it.
            complain("admin accept failed", error.message());
            pause.expires_after(accept_pause);
            co_await pause.async_wait(use_tuple);
        }
    }
}

// Out of descriptors, most likely. What becomes free here may go to another thread, so that this is
// tried again until there is nothing to give up.
bool admin_server::impl::make_room() {
    if (reserve.give_up()) return true;
    const auto victim = pool.take_victim();
    close(victim);
    return victim.has_value();
}

// Long answers, such as /metrics, get a quarter of the thread at most: one that took 2 ms to make is
// followed by 6 ms in which probes are answered, however many are asked for at once.
asio::awaitable<void> admin_server::impl::wait_for_turn() {
    const auto now = base::clock::now();
    const auto turn = std::max(now, next_long_answer);
    next_long_answer = turn + std::min<base::duration>(3 * long_answer_cost, longest_pause);
    if (turn == now) co_return;
    asio::steady_timer timer(io, turn);
    co_await timer.async_wait(use_tuple);
}

void admin_server::impl::complain(const char* what, const std::string& error) {
    const auto now = base::clock::now();
    if (last_complaint != base::time_point::min() && now - last_complaint < complaint_interval) {
        return;
    }
    last_complaint = now;
    log.warn(what, {{"error", error}});
}

void admin_server::impl::open(tcp::socket socket) {
    beast::error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error) return;  // gone already
    socket.set_option(tcp::no_delay(true), error);
    const auto id = next++;
    const auto opened = std::make_shared<connection>(
        *this, id, std::move(socket), base::is_loopback(peer.address().to_string())
    );
    connections.emplace(id, opened.get());
    close(pool.on_opened(id, source_of(peer.address()), base::clock::now()));
    asio::co_spawn(
        io,
        opened->serve(),
        [self = shared_from_this(), opened](const std::exception_ptr& failure) {
            beast::error_code ignored;
            opened->stream.socket().close(ignored);
            self->pool.on_closed(opened->id);
            self->connections.erase(opened->id);
            self->reserve.refill();
            log_end(self->log, "admin connection ended", failure);
        }
    );
}

// Its coroutine wakes up with an error and ends.
void admin_server::impl::close(std::optional<admission::id> victim) {
    if (!victim) return;
    const auto found = connections.find(*victim);
    if (found == connections.end()) return;
    beast::error_code ignored;
    found->second->stream.socket().close(ignored);
    complain("admin connections closed for newer ones", "too many connections");
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
            admin_reply refusal{.status = status_of(error), .body = "bad request\n"};
            co_await send(std::move(refusal), 11, false, false);
        }
        co_return false;
    }
    const auto& request = parser.get();
    const bool is_head = request.method() == http::verb::head;
    auto refusal = judge(head_of(request));
    if (!refusal && !parser.is_done()) refusal = head_refusal{400, "no body expected\n"};
    if (refusal) {
        admin_reply what{.status = refusal->status, .body = std::string(refusal->text)};
        co_await send(std::move(what), request.version(), false, is_head);
        co_return false;
    }
    const std::string_view target(request.target().data(), request.target().size());
    const auto path = target.substr(0, target.find('?'));
    const bool is_long = !is_probe(path);
    if (is_long) {
        server.close(server.pool.on_long_request(id, base::clock::now()));
        co_await server.wait_for_turn();
        if (server.stopped) co_return false;
    } else {
        server.pool.on_request(id, base::clock::now());
    }
    const auto begin = base::clock::now();
    auto what = reply(request, path);
    if (is_long) server.long_answer_cost = base::clock::now() - begin;
    const bool goes_on =
        co_await send(std::move(what), request.version(), request.keep_alive(), is_head);
    server.pool.on_answered(id, base::clock::now());
    co_return goes_on;
}

admin_reply admin_server::impl::connection::reply(
    const http::request<http::empty_body>& request, std::string_view path
) const {
    const auto method = request.method();
    const auto field = request[http::field::host];
    const admin_question question{
        .path = path,
        .host = host_name({field.data(), field.size()}).value_or(""),
        .reads = method == http::verb::get || method == http::verb::head,
        .is_local = is_local
    };
    try {
        return reply_to(question, server.handlers, server.options);
    } catch (const std::exception& error) {
        server.log.error("admin handler failed", {{"path", path}, {"error", error.what()}});
        return {.status = 500, .body = "internal error\n"};
    }
}

// Returns whether the connection can go on.
asio::awaitable<bool> admin_server::impl::connection::send(
    admin_reply what, unsigned version, bool keep_alive, bool is_head
) {
    http::response<http::string_body> response(http::status(what.status), version);
    response.set(http::field::content_type, what.content_type);
    response.set(http::field::cache_control, "no-store");
    if (what.status == 405) response.set(http::field::allow, "GET, HEAD");
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
