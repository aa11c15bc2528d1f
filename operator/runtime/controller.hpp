// The controller loop: takes keys from the queue, reconciles them with bounded concurrency.
#pragma once

#include "common/base/log.hpp"
#include "common/base/metrics.hpp"
#include "operator/runtime/work_queue.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <variant>

namespace boost::asio {
class io_context;
}

namespace pgw::runtime {

struct reconcile_done {};
struct requeue_after {
    base::milliseconds delay;
};
/// Tried again with the key's backoff.
struct retryable_error {
    std::string text;
};
/// Not tried again before the object changes.
struct terminal_error {
    std::string text;
};
using reconcile_result =
    std::variant<reconcile_done, requeue_after, retryable_error, terminal_error>;

using reconcile_function = std::function<boost::asio::awaitable<reconcile_result>(std::string key)>;

struct controller_options {
    std::string name;  ///< The label `controller` of the metrics.
    std::size_t max_concurrent = 8;
    work_queue::options queue;
};

/// Runs on the io_context's one thread. A reconcile that throws is logged, counted as a panic and
/// retried. Metrics have the names that users of controller-runtime know:
/// controller_runtime_reconcile_total{controller,result}, _reconcile_errors_total,
/// _terminal_reconcile_errors_total, _reconcile_panics_total, _reconcile_time_seconds,
/// _max_concurrent_reconciles, _active_workers and workqueue_{depth,adds_total,retries_total,
/// queue_duration_seconds,work_duration_seconds,unfinished_work_seconds,
/// longest_running_processor_seconds}{name}.
class controller {
public:
    controller(
        boost::asio::io_context& io,
        controller_options options,
        reconcile_function reconcile,
        const base::logger& log
    );
    ~controller();

    void register_metrics(base::metrics_registry& registry);
    void add(const std::string& key, priority p);
    void add_after(const std::string& key, base::milliseconds delay);
    void remove(const std::string& key);  ///< The object is gone.

    void start();  ///< Before it keys only gather.
    /// Takes no more keys; `finished` is called when the running reconciles have ended.
    void stop(std::function<void()> finished);
    bool idle() const;  ///< Nothing ready and nothing being processed.

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::runtime
