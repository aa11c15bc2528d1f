// The pool around connections.
#include "common/net/http_client.hpp"

#include "common/net/http_connection.hpp"
#include "common/net/http_fetch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
#include <set>

namespace pgw::net {

namespace asio = boost::asio;

namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t max_idle = 4;

bool same_name(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) {
               return lower(x) == lower(y);
           });
}

http_result was_stopped() {
    return {{}, {http_failure::stopped, "stopped"}};
}

}  // namespace

std::string_view http_response::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) return value;
    }
    return {};
}

std::vector<std::string_view> http_response::all(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) values.emplace_back(value);
    }
    return values;
}

struct http_client::impl {
    using connection_ptr = std::shared_ptr<http_connection>;

    // Counts a connection as under way for as long as it lives.
    struct use {
        use(impl& p, connection_ptr c) : pool(p), connection(std::move(c)) {
            pool.busy.insert(connection.get());
        }
        ~use() { pool.busy.erase(connection.get()); }
        use(const use&) = delete;
        use& operator=(const use&) = delete;
        impl& pool;
        connection_ptr connection;
    };
    // A place among the requests that may be under way.
    struct place {
        explicit place(impl& p) : pool(p) { ++pool.under_way; }
        ~place() {
            --pool.under_way;
            if (!pool.waiters.empty()) pool.waiters.front()->cancel();
        }
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        impl& pool;
    };

    impl(asio::io_context& context, std::size_t most) : io(context), max_connections(most) {}

    // False: the deadline came first, or the client was stopped.
    asio::awaitable<bool> wait_for_place(base::time_point deadline) {
        while (under_way >= max_connections && !stopped) {
            asio::steady_timer timer(io, deadline);
            waiters.push_back(&timer);
            const auto [error] = co_await timer.async_wait(use_tuple);
            std::erase(waiters, &timer);
            if (!error) co_return false;
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) co_return false;
        }
        co_return !stopped;
    }

    // Idle connections of other settings are of no use to anybody any more.
    connection_ptr take_idle(const http_peer& peer) {
        std::erase_if(idle, [&](const connection_ptr& c) {
            const bool outdated =
                c->peer().host == peer.host && c->peer().port == peer.port && !(c->peer() == peer);
            return outdated || c->closed_by_peer();
        });
        const auto found = std::find_if(idle.begin(), idle.end(), [&](const connection_ptr& c) {
            return c->peer() == peer;
        });
        if (found == idle.end()) return nullptr;
        auto connection = *found;
        idle.erase(found);
        return connection;
    }

    asio::io_context& io;
    const std::size_t max_connections;
    std::size_t under_way = 0;
    std::deque<asio::steady_timer*> waiters;
    std::deque<connection_ptr> idle;
    std::set<http_connection*> busy;
    bool stopped = false;
};

http_client::http_client(asio::io_context& io, std::size_t max_connections)
    : impl_(std::make_shared<impl>(io, max_connections)) {}

http_client::~http_client() {
    stop();
}

void http_client::stop() {
    impl_->stopped = true;
    impl_->idle.clear();
    for (auto* connection : impl_->busy) connection->abort();
    for (auto* timer : impl_->waiters) timer->cancel();
}

asio::awaitable<http_result> http_client::request(
    http_peer peer, http_request request, http_limits limits
) {
    const auto self = impl_;
    const auto deadline = base::clock::now() + limits.timeout;
    if (!co_await self->wait_for_place(deadline)) {
        if (self->stopped) co_return was_stopped();
        co_return http_result{{}, {http_failure::timed_out, "timed out waiting for a connection"}};
    }
    const impl::place place(*self);
    auto connection = self->take_idle(peer);
    for (;;) {
        const bool is_kept = connection != nullptr;
        if (!is_kept) connection = std::make_shared<http_connection>(self->io, peer);
        const impl::use use(*self, connection);
        if (!is_kept) {
            if (auto failed = co_await connection->open(deadline)) {
                co_return http_result{{}, std::move(failed)};
            }
            if (self->stopped) co_return was_stopped();
        }
        auto result = co_await connection->exchange(
            request, deadline, base::milliseconds{0}, limits.max_body, {}
        );
        if (result.ok()) {
            if (connection->reusable() && self->idle.size() < max_idle && !self->stopped) {
                self->idle.push_back(connection);
            }
            co_return result;
        }
        // The peer may have closed a kept connection while the request was on its way.
        const bool may_repeat = is_kept && !connection->answered() && !self->stopped &&
                                (request.repeatable || !connection->sent()) &&
                                base::clock::now() < deadline;
        if (!may_repeat) co_return result;
        connection = nullptr;
    }
}

asio::awaitable<http_result> http_client::stream(
    http_peer peer,
    http_request request,
    stream_limits limits,
    std::function<bool(std::string_view)> on_data
) {
    const auto self = impl_;
    if (self->stopped) co_return was_stopped();
    const auto connection = std::make_shared<http_connection>(self->io, std::move(peer));
    const impl::use use(*self, connection);
    if (auto failed = co_await connection->open(base::clock::now() + limits.connect)) {
        co_return http_result{{}, std::move(failed)};
    }
    if (self->stopped) co_return was_stopped();
    co_return co_await connection->exchange(
        request, base::clock::now() + limits.idle, limits.idle, limits.max_body, on_data
    );
}

asio::awaitable<http_fetch_result> http_fetch(
    std::string host,
    std::uint16_t port,
    std::string target,
    base::milliseconds deadline,
    std::size_t max_body
) {
    auto& io = static_cast<asio::io_context&>((co_await asio::this_coro::executor).context());
    const auto end = base::clock::now() + deadline;
    const auto connection =
        std::make_shared<http_connection>(io, http_peer{std::move(host), port, nullptr, {}, 0});
    if (auto failed = co_await connection->open(end)) {
        co_return http_fetch_result{0, {}, std::move(failed.text)};
    }
    http_request request;
    request.target = std::move(target);
    request.headers.emplace_back("Connection", "close");
    auto result = co_await connection->exchange(request, end, base::milliseconds{0}, max_body, {});
    if (!result.ok()) co_return http_fetch_result{0, {}, std::move(result.error.text)};
    co_return http_fetch_result{result.response.status, std::move(result.response.body), {}};
}

}  // namespace pgw::net
