// A queue of writes, one coroutine that empties it, one timer for series.
#include "operator/runtime/event_recorder.hpp"

#include "operator/runtime/event_aggregator.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <random>
#include <utility>

namespace pgw::runtime {

namespace asio = boost::asio;
using kube::error_kind;

namespace {

constexpr kube::resource_type event_type{"events.k8s.io", "v1", "events", "Event", true};
constexpr std::size_t queue_limit = 1'000;
constexpr int max_tries = 12;
constexpr base::milliseconds retry_pause{10'000};

// Nobody has answered, or somebody who cannot: the only failures that are worth another try.
bool is_passing(const kube::error& error) {
    return error.kind == error_kind::transport || error.kind == error_kind::unavailable ||
           error.kind == error_kind::throttled;
}

}  // namespace

struct event_recorder::impl : std::enable_shared_from_this<impl> {
    impl(
        kube::client& c,
        asio::io_context& context,
        std::string controller,
        std::string instance,
        base::logger l
    )
        : client(c),
          io(context),
          log(std::move(l)),
          aggregator({.controller = std::move(controller), .instance = std::move(instance)}),
          series_timer(context),
          pause(context),
          random(std::random_device{}()) {}

    void record(const event& what);
    void enqueue(std::vector<event_write> writes);
    void arm();
    void begin();
    void on_drained(const std::exception_ptr& failure);
    static asio::awaitable<void> drain(std::shared_ptr<impl> self);
    asio::awaitable<void> deliver(event_write write);
    asio::awaitable<kube::result<kube::json::value>> send(const event_write& write);
    base::milliseconds next_pause(const kube::error& error);
    void stop();

    kube::client& client;
    asio::io_context& io;
    const base::logger log;
    event_aggregator aggregator;
    asio::steady_timer series_timer;
    asio::steady_timer pause;
    asio::cancellation_signal cancel;
    std::minstd_rand random;
    std::deque<event_write> queue;
    std::uint64_t dropped = 0;  // Since the queue was last empty.
    bool draining = false;
    bool stopped = false;
};

void event_recorder::impl::record(const event& what) {
    if (stopped) return;
    enqueue(aggregator.on_event(what, base::clock::now(), std::chrono::system_clock::now()));
    arm();
}

void event_recorder::impl::enqueue(std::vector<event_write> writes) {
    for (auto& write : writes) {
        if (queue.size() >= queue_limit) {
            if (dropped++ == 0)
                log.warn("too many events wait; dropping", {{"limit", queue_limit}});
            continue;
        }
        queue.push_back(std::move(write));
    }
    begin();
}

void event_recorder::impl::arm() {
    const auto next = aggregator.next();
    if (!next || stopped) {
        series_timer.cancel();
        return;
    }
    series_timer.expires_at(*next);
    series_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (error || self->stopped) return;
        self->enqueue(self->aggregator.on_time(base::clock::now()));
        self->arm();
    });
}

void event_recorder::impl::begin() {
    if (stopped || queue.empty() || std::exchange(draining, true)) return;
    asio::co_spawn(
        io,
        drain(shared_from_this()),
        asio::bind_cancellation_slot(
            cancel.slot(),
            [self = shared_from_this()](const std::exception_ptr& failure) {
                self->on_drained(failure);
            }
        )
    );
}

void event_recorder::impl::on_drained(const std::exception_ptr& failure) {
    draining = false;
    if (stopped) return;
    if (failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            log.error("writing events ended", {{"error", error.what()}});
        }
    }
    begin();  // What came meanwhile.
}

asio::awaitable<void> event_recorder::impl::drain(std::shared_ptr<impl> self) {
    while (!self->stopped && !self->queue.empty()) {
        auto write = std::move(self->queue.front());
        self->queue.pop_front();
        auto delivery = self->deliver(std::move(write));
        co_await std::move(delivery);
    }
    if (const auto lost = std::exchange(self->dropped, 0); lost > 0 && !self->stopped) {
        self->log.warn("events were dropped", {{"count", lost}});
    }
}

asio::awaitable<void> event_recorder::impl::deliver(event_write write) {
    for (int tried = 1; !stopped; ++tried) {
        auto request = send(write);
        const auto answer = co_await std::move(request);
        if (answer || stopped) co_return;
        const auto& error = answer.error();
        // The answer to an earlier try was lost.
        if (write.create && error.kind == error_kind::already_exists) co_return;
        const bool is_gone = !write.create && error.kind == error_kind::not_found;
        if (tried >= max_tries || !(is_gone || is_passing(error))) {
            const auto text = kube::to_string(error);
            log.warn(
                "event not written", {{"event", write.ns + "/" + write.name}, {"error", text}}
            );
            co_return;
        }
        if (is_gone) {
            write.create = true;
            continue;
        }
        pause.expires_after(next_pause(error));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

asio::awaitable<kube::result<kube::json::value>> event_recorder::impl::send(const event_write& write
) {
    if (write.create) return client.create(event_type, write.ns, write.object);
    return client.patch(event_type, write.ns, write.name, kube::patch_type::merge, write.patch());
}

base::milliseconds event_recorder::impl::next_pause(const kube::error& error) {
    using rep = base::milliseconds::rep;
    const auto least = retry_pause.count() / 2;
    const base::milliseconds drawn{
        std::uniform_int_distribution<rep>(least, retry_pause.count())(random)
    };
    return std::max(drawn, error.retry_after.value_or(base::milliseconds{0}));
}

void event_recorder::impl::stop() {
    if (std::exchange(stopped, true)) return;
    queue.clear();
    series_timer.cancel();
    pause.cancel();
    // Outside the loop the signal reaches the coroutine in a later turn, and has to live until
    // then.
    cancel.emit(asio::cancellation_type::terminal);
    asio::post(io, [self = shared_from_this()] {});
}

event_recorder::event_recorder(
    kube::client& client,
    asio::io_context& io,
    std::string controller,
    std::string instance,
    base::logger log
)
    : impl_(std::make_shared<impl>(
          client, io, std::move(controller), std::move(instance), std::move(log)
      )) {}

event_recorder::~event_recorder() {
    impl_->stop();
}

void event_recorder::record(const event& what) {
    impl_->record(what);
}

void event_recorder::stop() {
    impl_->stop();
}

}  // namespace pgw::runtime
