// Metrics: what the registry merges and how it is written.
#include "common/base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using pgw::base::counter;
using pgw::base::gauge;
using pgw::base::histogram;
using pgw::base::metrics_registry;
using testing::HasSubstr;

TEST(metrics_registry, adds_up_what_threads_counted_under_one_name_and_label_set) {
    counter first, second, other;
    metrics_registry registry;
    registry.add("pgw_x_total", "help text", {{"b", "2"}, {"a", "1"}}, first);
    registry.add("pgw_x_total", "", {{"a", "1"}, {"b", "2"}}, second);
    registry.add("pgw_x_total", "", {{"a", "9"}}, other);
    first.add();
    second.add(41);
    other.add(5);
    const auto text = registry.text();
    EXPECT_THAT(text, HasSubstr("# HELP pgw_x_total help text\n# TYPE pgw_x_total counter\n"));
    EXPECT_THAT(text, HasSubstr("pgw_x_total{a=\"1\",b=\"2\"} 42\n"));
    EXPECT_THAT(text, HasSubstr("pgw_x_total{a=\"9\"} 5\n"));
}

TEST(metrics_registry, series_exist_at_zero_from_registration_on) {
    counter c;
    metrics_registry registry;
    registry.add("pgw_zero_total", "h", {}, c);
    EXPECT_THAT(registry.text(), HasSubstr("\npgw_zero_total 0\n"));
}

TEST(metrics_registry, gauges_add_up_and_may_be_negative) {
    gauge up, down;
    metrics_registry registry;
    registry.add("pgw_g", "h", {}, up);
    registry.add("pgw_g", "h", {}, down);
    up.set(3);
    down.add(-5);
    EXPECT_THAT(registry.text(), HasSubstr("\npgw_g -2\n"));
}

TEST(metrics_registry, real_gauges_keep_fractions) {
    pgw::base::real_gauge first, second;
    metrics_registry registry;
    registry.add("pgw_r_seconds", "h", {}, first);
    registry.add("pgw_r_seconds", "h", {}, second);
    first.set(1.5);
    second.set(0.25);
    EXPECT_THAT(registry.text(), HasSubstr("# TYPE pgw_r_seconds gauge\npgw_r_seconds 1.75\n"));
}

TEST(metrics_registry, histograms_are_cumulative_and_merged) {
    histogram first, second;
    metrics_registry registry;
    registry.add("pgw_h_seconds", "h", {}, first);
    registry.add("pgw_h_seconds", "h", {}, second);
    first.observe(0.0005);  // on the bound: inside
    first.observe(0.0006);
    second.observe(1000);
    const auto text = registry.text();
    EXPECT_THAT(text, HasSubstr("pgw_h_seconds_bucket{le=\"0.0005\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("pgw_h_seconds_bucket{le=\"0.001\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("pgw_h_seconds_bucket{le=\"30\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("pgw_h_seconds_bucket{le=\"+Inf\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("pgw_h_seconds_count 3\n"));
}

TEST(metrics_registry, a_name_cannot_have_two_types) {
    counter c;
    gauge g;
    metrics_registry registry;
    registry.add("pgw_x", "h", {}, c);
    EXPECT_THROW(registry.add("pgw_x", "h", {}, g), std::invalid_argument);
}

TEST(histogram, keeps_sum_and_buckets) {
    histogram h;
    h.observe(0.25);
    h.observe(0.5);
    h.observe(31);
    EXPECT_DOUBLE_EQ(h.sum(), 31.75);
    EXPECT_EQ(h.bucket(8), 1u);
    EXPECT_EQ(h.bucket(9), 1u);
    EXPECT_EQ(h.bucket(histogram::bounds.size()), 1u);
}

}  // namespace
