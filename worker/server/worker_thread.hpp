// One thread of the data plane: puts its loop, listeners, device connections, uplinks and publisher
// together. Nothing of it is shared on the message path.
#pragma once

#include "common/base/byte_budget.hpp"
#include "worker/amqp/uplink.hpp"
#include "worker/bridge/core_publisher.hpp"
#include "worker/server/acceptor.hpp"
#include "worker/server/connection_set.hpp"
#include "worker/server/device_log.hpp"
#include "worker/server/drain_machine.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace pgw::server {

class worker_thread;

/// What the threads of a worker have in common. Built once, then read only but for the atomics.
struct fleet {
    fleet(
        const manifest::gateway& g,
        std::uint64_t buffered_bytes,
        std::uint64_t device_descriptors,
        base::logger l
    )
        : gateway(g), budget(buffered_bytes), descriptors(device_descriptors), log(std::move(l)) {}

    const manifest::gateway& gateway;
    base::byte_budget budget;         ///< Everything that peers can make the worker keep.
    const std::uint64_t descriptors;  ///< A device's descriptor is below this number.
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

class worker_thread final : private connection_host, private accepting_host {
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
    /// Wills are tried again at the end of a turn, behind whatever made room for them.
    class will_flush final : public base::flushable {
    public:
        explicit will_flush(worker_thread& thread) : thread_(thread) {}
        void flush() override { thread_.wills_->retry(thread_.now()); }

    private:
        worker_thread& thread_;
    };

    server::poller& poller() noexcept override { return loop_.poller(); }
    base::timing_wheel& wheel() noexcept override { return loop_.wheel(); }
    base::flush_queue& flush_queue() noexcept override { return loop_.flush(); }
    base::time_point now() const noexcept override { return loop_.time().now; }
    session::services& services() noexcept override { return *services_; }
    server_metrics& metrics() noexcept override { return metrics_; }
    const base::logger& log() noexcept override { return log_; }
    std::span<std::byte> scratch() noexcept override { return scratch_; }
    budget_holders<connection>& holders() noexcept override { return connections_.holders(); }
    bool at_home(std::string_view client_id) noexcept override;
    void move_home(std::string_view client_id, moving_connection moving) override;
    void retire(connection& connection) noexcept override;
    bool make_place() override;
    bool evict_pending() override { return connections_.evict_pending(); }
    void on_accepted(net::byte_stream stream, const shared_listener& listener, const source& from)
        override;

    void add(moving_connection moving, const source* from);
    void on_tick(base::time_point now);
    void relieve();
    void advance_drain(base::time_point now);
    bool uplinks_closed() const;
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
    will_flush will_flush_{*this};
    std::unique_ptr<session::will_queue> wills_;
    device_log device_log_;
    session::directory clients_;
    std::unique_ptr<session::services> services_;
    std::deque<acceptor> acceptors_;
    bool accepting_ = true;
    connection_set connections_;
    drain_machine drain_;
    std::uint32_t ticks_ = 0;

    mutable std::mutex report_mutex_;
    thread_report report_;
    std::atomic<bool> finished_{false};
    std::thread thread_;
};

}  // namespace pgw::server
