// One timer, one turn of the loop that starts what may start, one coroutine a reconcile.
#include "operator/runtime/controller.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <random>
#include <utility>

namespace pgw::runtime {

namespace asio = boost::asio;

namespace {

// How old what the gauges say about running reconciles may be.
constexpr base::milliseconds gauge_interval{500};

double in_seconds(base::duration d) {
    return std::chrono::duration<double>(d).count();
}

enum class outcome : std::uint8_t { success, error, requeue, requeue_after };
constexpr std::array<const char*, 4> outcome_names{"success", "error", "requeue", "requeue_after"};

struct controller_metrics {
    std::array<base::counter, outcome_names.size()> reconciles;
    base::counter errors;
    base::counter terminal_errors;
    base::counter panics;
    base::histogram reconcile_time;
    base::gauge max_concurrent;
    base::gauge active_workers;

    base::gauge depth;
    base::counter adds;
    base::counter retries;
    base::histogram queue_duration;
    base::histogram work_duration;
    base::real_gauge unfinished_work;
    base::real_gauge longest_running;

    void add_to(base::metrics_registry& registry, const std::string& name) const;
    void count(outcome what) { reconciles[static_cast<std::size_t>(what)].add(); }
};

void controller_metrics::add_to(base::metrics_registry& registry, const std::string& name) const {
    const base::metrics_registry::labels own{{"controller", name}};
    for (std::size_t i = 0; i < reconciles.size(); ++i) {
        registry.add(
            "controller_runtime_reconcile_total",
            "Reconciles by their result.",
            {{"controller", name}, {"result", outcome_names[i]}},
            reconciles[i]
        );
    }
    registry.add(
        "controller_runtime_reconcile_errors_total", "Reconciles that failed.", own, errors
    );
    registry.add(
        "controller_runtime_terminal_reconcile_errors_total",
        "Reconciles that failed and are not tried again.",
        own,
        terminal_errors
    );
    registry.add(
        "controller_runtime_reconcile_panics_total", "Reconciles that threw.", own, panics
    );
    registry.add(
        "controller_runtime_reconcile_time_seconds",
        "How long reconciles took.",
        own,
        reconcile_time
    );
    registry.add(
        "controller_runtime_max_concurrent_reconciles",
        "How many reconciles may run at once.",
        own,
        max_concurrent
    );
    registry.add(
        "controller_runtime_active_workers", "How many reconciles run.", own, active_workers
    );

    const base::metrics_registry::labels queue{{"name", name}};
    registry.add("workqueue_depth", "Keys that are ready.", queue, depth);
    registry.add("workqueue_adds_total", "How often a key became ready.", queue, adds);
    registry.add("workqueue_retries_total", "Keys tried again after a failure.", queue, retries);
    registry.add(
        "workqueue_queue_duration_seconds",
        "How long keys were ready before they were taken.",
        queue,
        queue_duration
    );
    registry.add(
        "workqueue_work_duration_seconds", "How long keys were worked on.", queue, work_duration
    );
    registry.add(
        "workqueue_unfinished_work_seconds",
        "Sum of how long what is being worked on has been so far.",
        queue,
        unfinished_work
    );
    registry.add(
        "workqueue_longest_running_processor_seconds",
        "How long the oldest of what is being worked on has been so far.",
        queue,
        longest_running
    );
}

std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "not a std::exception";
    }
}

}  // namespace

struct controller::impl : std::enable_shared_from_this<impl> {
    impl(
        asio::io_context& context, controller_options o, reconcile_function f, const base::logger& l
    )
        : io(context),
          options(std::move(o)),
          reconcile(std::move(f)),
          log(l.with({{"controller", options.name}})),
          queue(options.queue),
          timer(context),
          random(std::random_device{}()) {
        metrics.max_concurrent.set(static_cast<std::int64_t>(options.max_concurrent));
    }

    void wake();
    void turn();
    void arm();
    void begin(const std::string& key);
    static asio::awaitable<reconcile_result> run(std::shared_ptr<impl> self, std::string key);
    void end(const std::string& key, const std::exception_ptr& failure, reconcile_result result);
    void on_result(const std::string& key, const reconcile_done& result);
    void on_result(const std::string& key, const requeue_after& result);
    void on_result(const std::string& key, const retryable_error& result);
    void on_result(const std::string& key, const terminal_error& result);
    void try_again(const std::string& key);
    void show();
    void end_if_idle();
    void stop(std::function<void()> then);

    asio::io_context& io;
    const controller_options options;
    const reconcile_function reconcile;
    const base::logger log;
    work_queue queue;
    asio::steady_timer timer;
    std::minstd_rand random;
    controller_metrics metrics;
    std::size_t active = 0;
    bool started = false;
    bool stopping = false;
    bool woken = false;  // A turn is on its way.
    std::function<void()> finished;
};

// Turns are posted: what is added in one go competes by priority, and no caller finds itself inside
// a reconcile.
void controller::impl::wake() {
    if (!started || stopping || std::exchange(woken, true)) return;
    asio::post(io, [self = shared_from_this()] {
        self->woken = false;
        self->turn();
    });
}

void controller::impl::turn() {
    if (!started || stopping) return;
    const auto now = base::clock::now();
    while (active < options.max_concurrent) {
        auto next = queue.take(now);
        if (!next) break;
        metrics.queue_duration.observe(in_seconds(next->waited));
        begin(next->key);
    }
    show();
    arm();
}

void controller::impl::arm() {
    std::optional<base::time_point> when;
    const auto now = base::clock::now();
    if (active < options.max_concurrent) when = queue.next(now);
    if (active > 0) when = std::min(when.value_or(now + gauge_interval), now + gauge_interval);
    if (!when) {
        timer.cancel();
        return;
    }
    timer.expires_at(*when);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (!error) self->turn();
    });
}

void controller::impl::begin(const std::string& key) {
    ++active;
    asio::co_spawn(
        io,
        run(shared_from_this(), key),
        [self = shared_from_this(), key](
            const std::exception_ptr& failure, reconcile_result result
        ) { self->end(key, failure, std::move(result)); }
    );
}

// Also what throws before its first suspension ends in the completion handler.
asio::awaitable<reconcile_result> controller::impl::run(
    std::shared_ptr<impl> self, std::string key
) {
    auto running = self->reconcile(std::move(key));
    co_return co_await std::move(running);
}

void controller::impl::end(
    const std::string& key, const std::exception_ptr& failure, reconcile_result result
) {
    if (failure) {
        metrics.panics.add();
        metrics.errors.add();
        metrics.count(outcome::error);
        log.error("reconcile threw", {{"object", key}, {"error", text_of(failure)}});
        try_again(key);
    } else {
        std::visit([&](const auto& what) { on_result(key, what); }, result);
    }
    const auto took = in_seconds(queue.done(key, base::clock::now()));
    metrics.reconcile_time.observe(took);
    metrics.work_duration.observe(took);
    --active;
    show();
    wake();
    if (stopping) end_if_idle();
}

void controller::impl::on_result(const std::string& key, const reconcile_done& /*result*/) {
    metrics.count(outcome::success);
    queue.forget(key);
}

void controller::impl::on_result(const std::string& key, const requeue_after& result) {
    metrics.count(outcome::requeue_after);
    queue.forget(key);
    const auto now = base::clock::now();
    queue.add_at(key, now + result.delay, now);
}

void controller::impl::on_result(const std::string& key, const retryable_error& result) {
    metrics.count(outcome::error);
    metrics.errors.add();
    log.warn("reconcile failed; trying again", {{"object", key}, {"error", result.text}});
    try_again(key);
}

void controller::impl::on_result(const std::string& key, const terminal_error& result) {
    metrics.count(outcome::error);
    metrics.errors.add();
    metrics.terminal_errors.add();
    log.error("reconcile failed for good", {{"object", key}, {"error", result.text}});
    queue.forget(key);
}

void controller::impl::try_again(const std::string& key) {
    const auto drawn = std::uniform_int_distribution<std::uint32_t>{}(random);
    queue.retry(key, base::clock::now(), drawn);
}

void controller::impl::show() {
    const auto counts = queue.count(base::clock::now());
    metrics.active_workers.set(static_cast<std::int64_t>(active));
    metrics.depth.set(static_cast<std::int64_t>(counts.depth));
    metrics.adds.add(counts.adds - metrics.adds.value());
    metrics.retries.add(counts.retries - metrics.retries.value());
    metrics.unfinished_work.set(in_seconds(counts.unfinished));
    metrics.longest_running.set(in_seconds(counts.longest_processing));
}

void controller::impl::end_if_idle() {
    if (active > 0 || !finished) return;
    asio::post(io, std::exchange(finished, nullptr));
}

void controller::impl::stop(std::function<void()> then) {
    stopping = true;
    finished = std::move(then);
    timer.cancel();
    end_if_idle();
}

controller::controller(
    asio::io_context& io,
    controller_options options,
    reconcile_function reconcile,
    const base::logger& log
)
    : impl_(std::make_shared<impl>(io, std::move(options), std::move(reconcile), log)) {}

controller::~controller() {
    impl_->stop(nullptr);
}

void controller::register_metrics(base::metrics_registry& registry) {
    impl_->metrics.add_to(registry, impl_->options.name);
}

void controller::add(const std::string& key, priority p) {
    impl_->queue.add(key, p, base::clock::now());
    impl_->show();
    impl_->wake();
}

void controller::add_after(const std::string& key, base::milliseconds delay) {
    const auto now = base::clock::now();
    impl_->queue.add_at(key, now + delay, now);
    impl_->show();
    impl_->wake();
}

void controller::remove(const std::string& key) {
    impl_->queue.remove(key);
    impl_->show();
}

void controller::start() {
    impl_->started = true;
    impl_->wake();
}

void controller::stop(std::function<void()> finished) {
    impl_->stop(std::move(finished));
}

bool controller::idle() const {
    const auto now = base::clock::now();
    return impl_->active == 0 && impl_->queue.next(now).value_or(base::time_point::max()) > now;
}

}  // namespace pgw::runtime
