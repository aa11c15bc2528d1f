// One thread of the data plane: its loop, listeners, device connections, uplinks and publisher.
// Nothing of it is shared on the message path.
#pragma once

#include "worker/amqp/uplink.hpp"
#include "worker/bridge/core_publisher.hpp"
#include "worker/server/acceptor.hpp"
#include "worker/server/connection.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace pgw::server {

class worker_thread;

/// What the threads of a worker have in common. Built once, then read only but for the atomics.
struct fleet {
    const manifest::gateway& gateway;
    std::deque<shared_listener> listeners;
    /// By upstream name; container_id is completed per thread.
    std::map<std::string, amqp::uplink_settings> uplinks;
    std::vector<std::unique_ptr<worker_thread>> threads;
    std::atomic<std::int64_t> connections{0};
    std::atomic<std::int64_t> max_connections{0};  ///< Of `limits`; may change while it runs.
    base::logger log;
};

/// Where an upstream stands, as one thread sees it.
struct upstream_report {
    std::string upstream;
    amqp::uplink_state state = amqp::uplink_state::connecting;
    bool links_ready = false;
    std::string error;
};

struct thread_report {
    std::int64_t clients = 0;
    std::size_t in_flight = 0;
    std::vector<upstream_report> upstreams;
};

class worker_thread final : public connection_host {
public:
    worker_thread(fleet& fleet, std::size_t index);
    ~worker_thread() override;

    void register_metrics(base::metrics_registry& registry);
    void start();
    void join();

    // From any thread:
    /// Accepts on a listening descriptor, which it takes over. After stop_accepting() it closes it.
    void listen(const shared_listener& listener, int descriptor);
    /// Closes the listeners.
    void stop_accepting();
    /// Drains clients within `timeout`, then closes the uplinks and ends the thread. A second call
    /// shortens the time.
    void drain(base::milliseconds timeout);
    thread_report report() const;
    /// The drain is over and the thread has ended its loop.
    bool finished() const noexcept { return finished_.load(std::memory_order_acquire); }
    void adopt(moving_connection moving);

private:
    server::loop& loop() noexcept override { return loop_; }
    session::services& services() noexcept override { return *services_; }
    server_metrics& metrics() noexcept override { return metrics_; }
    const base::logger& log() noexcept override { return log_; }
    std::span<std::byte> scratch() noexcept override { return scratch_; }
    bool at_home(std::string_view client_id) noexcept override;
    void move_home(std::string_view client_id, moving_connection moving) override;
    void on_connect_decided() noexcept override;
    void retire(connection& connection) noexcept override;

    acceptor::hooks accepting_hooks();
    void add(moving_connection moving, bool pending_connect);
    void bury();
    void on_tick(base::time_point now);
    void advance_drain(base::time_point now);
    void publish_report();
    std::string assign_client_id();

    fleet& fleet_;
    std::size_t index_;
    base::logger log_;
    server::loop loop_;
    std::vector<std::byte> scratch_;

    server_metrics metrics_;
    session::session_metrics session_metrics_;
    bridge::publisher_metrics publisher_metrics_;
    std::map<std::string, amqp::uplink_metrics, std::less<>> uplink_metrics_;

    std::map<std::string, std::unique_ptr<amqp::uplink>, std::less<>> uplinks_;
    std::unique_ptr<bridge::core_publisher> publisher_;
    session::directory clients_;
    std::unique_ptr<session::services> services_;
    std::deque<acceptor> acceptors_;
    bool accepting_ = true;
    std::vector<std::unique_ptr<connection>> connections_;
    std::vector<std::unique_ptr<connection>> graveyard_;
    std::uint32_t pending_connects_ = 0;
    std::uint32_t ticks_ = 0;

    enum class drain_phase : std::uint8_t { none, clients, uplinks };
    drain_phase draining_ = drain_phase::none;
    base::time_point drain_deadline_{};
    std::size_t drained_ = 0;  ///< Connections told so far.

    mutable std::mutex report_mutex_;
    thread_report report_;
    std::atomic<bool> finished_{false};
    std::thread thread_;
};

}  // namespace pgw::server
