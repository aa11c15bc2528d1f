// Merges registered metrics into Prometheus families at scrape.
#include "common/base/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <variant>

namespace pgw::base {

namespace {

// All that was registered under one name and one label set.
using sources = std::variant<
    std::vector<const counter*>,
    std::vector<const gauge*>,
    std::vector<const real_gauge*>,
    std::vector<const histogram*>>;

prometheus::ClientMetric merged(const std::vector<const counter*>& counters) {
    std::uint64_t sum = 0;
    for (const auto* c : counters) sum += c->value();
    prometheus::ClientMetric metric;
    metric.counter.value = static_cast<double>(sum);
    return metric;
}

prometheus::ClientMetric merged(const std::vector<const gauge*>& gauges) {
    std::int64_t sum = 0;
    for (const auto* g : gauges) sum += g->value();
    prometheus::ClientMetric metric;
    metric.gauge.value = static_cast<double>(sum);
    return metric;
}

prometheus::ClientMetric merged(const std::vector<const real_gauge*>& gauges) {
    prometheus::ClientMetric metric;
    for (const auto* g : gauges) metric.gauge.value += g->value();
    return metric;
}

prometheus::ClientMetric merged(const std::vector<const histogram*>& histograms) {
    prometheus::ClientMetric metric;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < histogram::bounds.size(); ++i) {
        for (const auto* h : histograms) cumulative += h->bucket(i);
        metric.histogram.bucket.push_back({cumulative, histogram::bounds[i]});
    }
    for (const auto* h : histograms) {
        cumulative += h->bucket(histogram::bounds.size());
        metric.histogram.sample_sum += h->sum();
    }
    metric.histogram.sample_count = cumulative;
    return metric;
}

constexpr prometheus::MetricType types[] = {
    prometheus::MetricType::Counter,
    prometheus::MetricType::Gauge,
    prometheus::MetricType::Gauge,
    prometheus::MetricType::Histogram
};

}  // namespace

struct metrics_registry::impl {
    struct family_data {
        std::string help;
        std::size_t kind = 0;  // the index in `sources` that all members have
        std::map<labels, sources> members;
    };
    std::map<std::string, family_data> families;

    template <class Metric>
    void add(const std::string& name, std::string help, labels set, const Metric& metric) {
        std::sort(set.begin(), set.end());
        sources fresh = std::vector<const Metric*>{};
        const auto kind = fresh.index();
        auto [found, inserted] = families.try_emplace(name);
        auto& family = found->second;
        if (inserted) {
            family.help = std::move(help);
            family.kind = kind;
        } else if (family.kind != kind) {
            throw std::invalid_argument("metric " + name + " is registered with two types");
        }
        auto& member = family.members.try_emplace(std::move(set), std::move(fresh)).first->second;
        std::get<std::vector<const Metric*>>(member).push_back(&metric);
    }
};

void histogram::observe(double seconds) noexcept {
    std::size_t i = 0;
    while (i < bounds.size() && seconds > bounds[i]) ++i;
    buckets_[i].add();
    sum_.store(sum_.load(std::memory_order_relaxed) + seconds, std::memory_order_relaxed);
}

metrics_registry::metrics_registry() : impl_(std::make_unique<impl>()) {}
metrics_registry::~metrics_registry() = default;

void metrics_registry::add(
    const std::string& name, std::string help, labels set, const counter& m
) {
    impl_->add(name, std::move(help), std::move(set), m);
}

void metrics_registry::add(const std::string& name, std::string help, labels set, const gauge& m) {
    impl_->add(name, std::move(help), std::move(set), m);
}

void metrics_registry::add(
    const std::string& name, std::string help, labels set, const real_gauge& m
) {
    impl_->add(name, std::move(help), std::move(set), m);
}

void metrics_registry::add(
    const std::string& name, std::string help, labels set, const histogram& m
) {
    impl_->add(name, std::move(help), std::move(set), m);
}

std::vector<prometheus::MetricFamily> metrics_registry::Collect() const {
    std::vector<prometheus::MetricFamily> result;
    result.reserve(impl_->families.size());
    for (const auto& [name, family] : impl_->families) {
        auto& out = result.emplace_back();
        out.name = name;
        out.help = family.help;
        out.type = types[family.kind];
        out.metric.reserve(family.members.size());
        for (const auto& [set, member] : family.members) {
            auto metric = std::visit([](const auto& list) { return merged(list); }, member);
            for (const auto& [key, value] : set) metric.label.push_back({key, value});
            out.metric.push_back(std::move(metric));
        }
    }
    return result;
}

std::string metrics_registry::text() const {
    return prometheus::TextSerializer().Serialize(Collect());
}

}  // namespace pgw::base
