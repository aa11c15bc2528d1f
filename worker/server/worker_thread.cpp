#include "worker/server/worker_thread.hpp"

#include "worker/server/home.hpp"

#include <boost/asio/post.hpp>
#include <unistd.h>

#include <algorithm>

namespace pgw::server {
namespace {

/// Largest holders that one tick closes while the budget is nearly used up.
constexpr int most_relieved = 16;

/// How long a Will may wait: its client's earlier publications, and then itself, may each take as
/// long as an upstream gives a delivery.
base::milliseconds will_patience(const manifest::gateway& gateway) {
    base::milliseconds longest{0};
    for (const auto& upstream : gateway.upstreams) {
        longest = std::max<base::milliseconds>(longest, upstream.limits.delivery_timeout);
    }
    return 2 * longest;
}

}  // namespace

worker_thread::worker_thread(fleet& fleet, std::size_t index)
    : fleet_(fleet),
      index_(index),
      log_(fleet.log.with({{"thread", index}})),
      scratch_(connection::read_size + connection::joined_size),
      device_log_(log_),
      connections_(fleet.gateway.limits.max_pending_connects) {
    const amqp::engine_context engine{
        loop_.io(),
        loop_.flush(),
        loop_.wheel(),
        [this] { return loop_.random(); },
        &loop_.time(),
    };
    for (const auto& [name, shared] : fleet.uplinks) {
        auto settings = shared;
        settings.container_id += "-" + std::to_string(index);
        auto& metrics = uplink_metrics_[name];
        uplinks_[name] = amqp::make_uplink(engine, std::move(settings), metrics, log_);
    }
    publisher_ = std::make_unique<bridge::core_publisher>(
        fleet.gateway,
        bridge::publisher_environment{
            [this](std::string_view name) -> amqp::uplink& { return *uplinks_.find(name)->second; },
            [this] { return loop_.random(); },
            loop_.time().now,
            loop_.random64()
        },
        publisher_metrics_
    );
    wills_ = std::make_unique<session::will_queue>(
        *publisher_,
        fleet.gateway.limits,
        session_metrics_,
        will_patience(fleet.gateway),
        [this] { loop_.flush().mark(will_flush_, base::flush_queue::stage::device); }
    );
    services_ = std::make_unique<session::services>(session::services{
        fleet.gateway.limits,
        *publisher_,
        clients_,
        *wills_,
        fleet.budget,
        session_metrics_,
        device_log_,
        [this] { return assign_client_id(); },
        !fleet.gateway.authentication.empty()
    });
    loop_.on_tick([this](base::time_point now) { on_tick(now); });
    publish_report();
}

worker_thread::~worker_thread() {
    join();
    connections_.clear();
    acceptors_.clear();
    services_.reset();
    wills_.reset();
    publisher_.reset();
    uplinks_.clear();
}

void worker_thread::start() {
    thread_ = std::thread([this] {
        loop_.run();
        // Connections belong to this thread to their end.
        connections_.clear();
        finished_.store(true, std::memory_order_release);
    });
}

void worker_thread::join() {
    if (thread_.joinable()) thread_.join();
}

void worker_thread::listen(const shared_listener& listener, int descriptor) {
    boost::asio::post(loop_.io(), [this, &listener, descriptor] {
        if (!accepting_) {
            ::close(descriptor);
            return;
        }
        accepting_host& host = *this;
        acceptors_
            .emplace_back(loop_, host, descriptor, listener, fleet_.descriptors, metrics_, log_)
            .start();
    });
}

void worker_thread::stop_accepting() {
    boost::asio::post(loop_.io(), [this] {
        accepting_ = false;
        for (auto& acceptor : acceptors_) acceptor.stop();
    });
}

void worker_thread::drain(base::milliseconds timeout) {
    boost::asio::post(loop_.io(), [this, timeout] {
        loop_.time().refresh();
        drain_.begin(now(), timeout);
    });
}

thread_report worker_thread::report() const {
    const std::lock_guard lock(report_mutex_);
    return report_;
}

void worker_thread::adopt(moving_connection moving) {
    boost::asio::post(loop_.io(), [this, moving = std::move(moving)]() mutable {
        loop_.time().refresh();
        add(std::move(moving), nullptr);
    });
}

bool worker_thread::at_home(std::string_view client_id) noexcept {
    return thread_of(client_id, static_cast<std::uint32_t>(fleet_.threads.size())) == index_;
}

void worker_thread::move_home(std::string_view client_id, moving_connection moving) {
    const auto home = thread_of(client_id, static_cast<std::uint32_t>(fleet_.threads.size()));
    fleet_.threads[home]->adopt(std::move(moving));
}

bool worker_thread::make_place() {
    const auto open = fleet_.connections.load(std::memory_order_relaxed);
    if (open < fleet_.max_connections.load(std::memory_order_relaxed)) return true;
    return connections_.evict_pending();
}

void worker_thread::on_accepted(
    net::byte_stream stream, const shared_listener& listener, const source& from
) {
    fleet_.connections.fetch_add(1, std::memory_order_relaxed);
    moving_connection fresh;
    fresh.stream = std::move(stream);
    fresh.listener = &listener.name;
    fresh.accepted = now();
    add(std::move(fresh), &from);
}

void worker_thread::add(moving_connection moving, const source* from) {
    metrics_.open.add(1);
    auto& added = connections_.add(*this, std::move(moving), from);
    added.start();
    if (drain_.draining()) added.drain();
}

// The connection may be on the stack: it is destroyed behind this turn.
void worker_thread::retire(connection& connection) noexcept {
    metrics_.open.add(-1);
    const bool is_first = !connections_.has_retired();
    connections_.retire(connection);
    if (!is_first) return;
    boost::asio::post(loop_.io(), [this] {
        const auto gone = connections_.bury();
        fleet_.connections.fetch_sub(std::int64_t(gone), std::memory_order_relaxed);
    });
}

void worker_thread::on_tick(base::time_point now) {
    ++ticks_;
    if (ticks_ % 2 == 0) publisher_->on_tick(now);
    if (ticks_ % 5 == 0) publish_report();
    if (ticks_ % 20 == 0) wills_->on_tick(now);
    device_log_.on_tick(now);
    relieve();
    if (drain_.draining()) advance_drain(now);
}

// Before the budget is used up, so that a client with a small need finds room on every thread: the
// largest go, at most a few at a tick since other threads do the same.
void worker_thread::relieve() {
    auto& budget = fleet_.budget;
    for (int closed = 0; closed < most_relieved; ++closed) {
        if (budget.used() < budget.limit() / 8 * 7) return;
        // Many small holders are no reason to disconnect one of them; see make_room().
        auto* const largest = connections_.holders().largest(budget.limit() / 1024);
        if (largest == nullptr) return;
        metrics_.shed.add();
        largest->close(session::close_cause::overloaded);
    }
}

void worker_thread::advance_drain(base::time_point now) {
    const auto step = drain_.on_tick(
        {.untold = connections_.untold(),
         .connections = connections_.size(),
         .unsettled = publisher_->pending() + wills_->size(),
         .upstreams_closed = uplinks_closed()},
        now
    );
    connections_.tell(step.tell);
    if (step.close_clients) connections_.close_all(session::close_cause::draining);
    if (step.close_upstreams) {
        for (auto& [name, uplink] : uplinks_) uplink->close();
    }
    if (step.end) {
        publish_report();
        loop_.stop();
    }
}

bool worker_thread::uplinks_closed() const {
    return std::all_of(uplinks_.begin(), uplinks_.end(), [](const auto& named) {
        return named.second->state() == amqp::uplink_state::closed;
    });
}

// In place: a steady state allocates nothing.
void worker_thread::publish_report() {
    const std::lock_guard lock(report_mutex_);
    report_.clients = session_metrics_.connected.value();
    report_.in_flight = publisher_->in_flight();
    report_.upstreams.resize(uplinks_.size());
    std::size_t i = 0;
    for (const auto& [name, uplink] : uplinks_) {
        auto& upstream = report_.upstreams[i++];
        if (upstream.upstream.empty()) upstream.upstream = name;
        upstream.state = uplink->state();
        upstream.links_ready = publisher_->links_ready(name);
        upstream.error = uplink->last_error();
        if (upstream.error.empty()) upstream.error = publisher_->link_error(name);
    }
}

// An id that is at home here, so that the connection need not move.
std::string worker_thread::assign_client_id() {
    for (;;) {
        static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        std::string id = "auto-";
        for (int i = 0; i < 16; ++i) id += digits[loop_.random() % (sizeof digits - 1)];
        if (at_home(id)) return id;
    }
}

}  // namespace pgw::server
