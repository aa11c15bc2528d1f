// Composition of one thread and its part of the drain.
#include "worker/server/worker_thread.hpp"

#include "worker/server/home.hpp"

#include <boost/asio/post.hpp>
#include <unistd.h>

namespace pgw::server {
namespace {

/// Room for the largest packet and one read behind it.
std::size_t scratch_size(const manifest::gateway& gateway) {
    return gateway.limits.max_packet_size + (std::size_t{128} << 10);
}

}  // namespace

worker_thread::worker_thread(fleet& fleet, std::size_t index)
    : fleet_(fleet),
      index_(index),
      log_(fleet.log.with({{"thread", index}})),
      scratch_(scratch_size(fleet.gateway)) {
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
    services_ = std::make_unique<session::services>(session::services{
        fleet.gateway.limits,
        *publisher_,
        clients_,
        session_metrics_,
        [this] { return assign_client_id(); },
        !fleet.gateway.authentication.empty()
    });
    loop_.on_tick([this](base::time_point now) { on_tick(now); });
    publish_report();
}

worker_thread::~worker_thread() {
    join();
    connections_.clear();
    graveyard_.clear();
    acceptors_.clear();
    services_.reset();
    publisher_.reset();
    uplinks_.clear();
}

void worker_thread::start() {
    thread_ = std::thread([this] {
        loop_.run();
        // Connections belong to this thread to their end.
        connections_.clear();
        graveyard_.clear();
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
        acceptors_.emplace_back(loop_, descriptor, listener, accepting_hooks(), metrics_, log_)
            .start();
    });
}

acceptor::hooks worker_thread::accepting_hooks() {
    return {
        [this] { return pending_connects_ < fleet_.gateway.limits.max_pending_connects; },
        [this] {
            return fleet_.connections.load(std::memory_order_relaxed) <
                   fleet_.max_connections.load(std::memory_order_relaxed);
        },
        [this](net::byte_stream stream, const shared_listener& listener) {
            ++pending_connects_;
            fleet_.connections.fetch_add(1, std::memory_order_relaxed);
            moving_connection fresh;
            fresh.stream = std::move(stream);
            fresh.listener = &listener.name;
            fresh.accepted = loop_.time().now;
            add(std::move(fresh), true);
        }
    };
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
        const auto deadline = loop_.time().now + timeout;
        if (draining_ == drain_phase::none) {
            draining_ = drain_phase::clients;
            drain_deadline_ = deadline;
        } else {
            drain_deadline_ = std::min(drain_deadline_, deadline);
        }
    });
}

thread_report worker_thread::report() const {
    const std::lock_guard lock(report_mutex_);
    return report_;
}

void worker_thread::adopt(moving_connection moving) {
    boost::asio::post(loop_.io(), [this, moving = std::move(moving)]() mutable {
        loop_.time().refresh();
        add(std::move(moving), false);
    });
}

bool worker_thread::at_home(std::string_view client_id) noexcept {
    return thread_of(client_id, static_cast<std::uint32_t>(fleet_.threads.size())) == index_;
}

void worker_thread::move_home(std::string_view client_id, moving_connection moving) {
    const auto home = thread_of(client_id, static_cast<std::uint32_t>(fleet_.threads.size()));
    fleet_.threads[home]->adopt(std::move(moving));
}

void worker_thread::on_connect_decided() noexcept {
    --pending_connects_;
    for (auto& acceptor : acceptors_) acceptor.resume();
}

void worker_thread::add(moving_connection moving, bool pending_connect) {
    metrics_.open.add(1);
    auto created = std::make_unique<connection>(*this, std::move(moving), pending_connect);
    created->index = connections_.size();
    connections_.push_back(std::move(created));
    auto& added = *connections_.back();
    added.start();
    if (draining_ != drain_phase::none) added.drain();
}

// The connection may be on the stack: it is destroyed later in the turn.
void worker_thread::retire(connection& connection) noexcept {
    const auto index = connection.index;
    if (index >= connections_.size() || connections_[index].get() != &connection) return;
    metrics_.open.add(-1);
    if (graveyard_.empty()) boost::asio::post(loop_.io(), [this] { bury(); });
    graveyard_.push_back(std::move(connections_[index]));
    if (index + 1 != connections_.size()) {
        connections_[index] = std::move(connections_.back());
        connections_[index]->index = index;
    }
    connections_.pop_back();
}

void worker_thread::bury() {
    // Moved connections live on elsewhere and stay counted.
    std::int64_t gone = 0;
    for (const auto& dead : graveyard_) gone += dead->moved_away() ? 0 : 1;
    fleet_.connections.fetch_sub(gone, std::memory_order_relaxed);
    graveyard_.clear();
}

void worker_thread::on_tick(base::time_point now) {
    ++ticks_;
    if (ticks_ % 2 == 0) publisher_->on_tick(now);
    if (ticks_ % 5 == 0) publish_report();
    if (draining_ != drain_phase::none) advance_drain(now);
}

void worker_thread::advance_drain(base::time_point now) {
    if (draining_ == drain_phase::clients) {
        const bool late = now >= drain_deadline_;
        // Paced, so that reconnects do not come at once: everyone is told within half of the time
        // left.
        const auto left = std::chrono::duration_cast<base::milliseconds>(drain_deadline_ - now);
        const auto turns = std::max<std::int64_t>(1, left / base::timing_wheel::tick / 2);
        auto batch = connections_.size() / static_cast<std::size_t>(turns) + 64;
        if (late) batch = connections_.size();
        for (std::size_t i = connections_.size(); i-- > 0 && batch > 0;) {
            auto& connection = *connections_[i];
            if (late) {
                connection.close(session::close_cause::draining);
            } else if (!connection.told_to_drain()) {
                connection.drain();
                --batch;
            }
        }
        const bool settled = connections_.empty() && publisher_->pending() == 0;
        const bool overdue = now >= drain_deadline_ + base::seconds(1);
        if (!settled && !overdue) return;
        draining_ = drain_phase::uplinks;
        for (auto& [name, uplink] : uplinks_) uplink->close();
        return;
    }
    for (const auto& [name, uplink] : uplinks_) {
        if (uplink->state() != amqp::uplink_state::closed) return;
    }
    publish_report();
    loop_.stop();
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
