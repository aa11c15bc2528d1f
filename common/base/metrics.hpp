// Metrics: per-thread single-writer atomics, merged when Prometheus scrapes.
//
// A component owns a plain struct of counters, gauges and histograms, one struct a thread, and
// registers each member once at start. On the message path an update is a relaxed load and a
// relaxed store: no lock, no look-up. At scrape the registry adds up everything registered under
// one name and one label set.
#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pgw::base {

/// Monotonic count. One writing thread; any thread reads.
class counter {
public:
    void add(std::uint64_t n = 1) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// A value that goes up and down. One writing thread; any thread reads.
class gauge {
public:
    void set(std::int64_t v) noexcept { value_.store(v, std::memory_order_relaxed); }
    void add(std::int64_t n) noexcept { set(value() + n); }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

/// A gauge of what is no whole number, such as seconds. One writing thread; any thread reads.
class real_gauge {
public:
    void set(double v) noexcept { value_.store(v, std::memory_order_relaxed); }
    double value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<double> value_{0};
};

/// A histogram over fixed upper bounds in seconds: 0.5 ms to 30 s. One writing thread; any thread
/// reads.
class histogram {
public:
    static constexpr std::array<double, 14> bounds{
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30
    };
    void observe(double seconds) noexcept;

    /// Observations in bucket i alone, not cumulated; the last is what exceeds every bound.
    std::uint64_t bucket(std::size_t i) const noexcept { return buckets_[i].value(); }
    double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

private:
    std::array<counter, bounds.size() + 1> buckets_;
    std::atomic<double> sum_{0};
};

/// Collects registered metrics. Registration happens at start, from one thread; what is registered
/// must outlive the registry's last collect. Names follow Prometheus' rules:
/// `pgw_<component>_<what>_<unit>`, counters end in `_total`.
class metrics_registry final : public prometheus::Collectable {
public:
    using labels = std::vector<std::pair<std::string, std::string>>;

    metrics_registry();
    ~metrics_registry() override;

    /// The first help text of a name counts. Throws std::invalid_argument when the name is taken by
    /// another type: a bug in the program.
    void add(const std::string& name, std::string help, labels set, const counter& metric);
    void add(const std::string& name, std::string help, labels set, const gauge& metric);
    void add(const std::string& name, std::string help, labels set, const real_gauge& metric);
    void add(const std::string& name, std::string help, labels set, const histogram& metric);

    std::vector<prometheus::MetricFamily> Collect() const override;

    /// The text exposition format, version 0.0.4.
    std::string text() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::base
