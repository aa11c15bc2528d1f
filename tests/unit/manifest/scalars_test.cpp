// Durations, sizes, endpoints.
#include "common/manifest/text/scalars.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using namespace pgw::manifest;

TEST(duration, parses_numbers_with_falling_units) {
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("30s"), 30s);
    EXPECT_EQ(parse_duration("5m"), 5min);
    EXPECT_EQ(parse_duration("1h"), 1h);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("1h1m1s1ms"), 3'661'001ms);
    EXPECT_EQ(parse_duration("0s"), 0ms);
    EXPECT_EQ(parse_duration("90m"), 90min);
}

TEST(duration, refuses_everything_else) {
    for (const auto* text :
         {"",
          "30",
          "s",
          "-1s",
          "+1s",
          "1.5s",
          "1 s",
          " 1s",
          "1s ",
          "1d",
          "1S",
          "30s1m",
          "1s1s",
          "1us",
          "99999999999999999999s",
          "9223372036854775807h",
          "1m30"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(duration, prints_what_it_parses) {
    for (const auto* text : {"0s", "250ms", "30s", "5m", "1h", "1m30s", "1h1m1s1ms"}) {
        EXPECT_EQ(print_duration(*parse_duration(text)), text);
    }
}

TEST(size, parses_kubernetes_quantities_in_whole_bytes) {
    EXPECT_EQ(parse_size("65536"), 65536u);
    EXPECT_EQ(parse_size("64Ki"), 65536u);
    EXPECT_EQ(parse_size("64Mi"), 64u << 20);
    EXPECT_EQ(parse_size("1M"), 1'000'000u);
    EXPECT_EQ(parse_size("1k"), 1000u);
    EXPECT_EQ(parse_size("2Gi"), 2ull << 30);
    EXPECT_EQ(parse_size("0"), 0u);
}

TEST(size, refuses_everything_else) {
    for (const auto* text :
         {"",
          "Mi",
          "-1",
          "+1",
          "1.5Gi",
          "1 Mi",
          "1KB",
          "1K",
          "1ki",
          "1e3",
          "100m",
          "0x10",
          "18446744073709551616",
          "99999999999Ti"}) {
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
    }
}

TEST(size, prints_binary_suffixes_where_they_are_exact) {
    EXPECT_EQ(print_size(0), "0");
    EXPECT_EQ(print_size(1000), "1000");
    EXPECT_EQ(print_size(1536), "1536");
    EXPECT_EQ(print_size(256u << 10), "256Ki");
    EXPECT_EQ(print_size(64u << 20), "64Mi");
}

TEST(endpoint, parses_hosts_ports_and_brackets) {
    const auto plain = std::get<endpoint>(parse_endpoint("amqp://broker.example"));
    EXPECT_FALSE(plain.tls);
    EXPECT_EQ(plain.host, "broker.example");
    EXPECT_EQ(plain.port, 5672);
    const auto tls = std::get<endpoint>(parse_endpoint("amqps://10.0.0.1:443"));
    EXPECT_TRUE(tls.tls);
    EXPECT_EQ(tls.port, 443);
    const auto ipv6 = std::get<endpoint>(parse_endpoint("amqp://[::1]:5673"));
    EXPECT_EQ(ipv6.host, "::1");
    EXPECT_EQ(print_endpoint(ipv6), "amqp://[::1]:5673");
}

TEST(endpoint, refuses_everything_else) {
    for (const auto* text :
         {"",
          "amqp://",
          "broker",
          "http://a",
          "amqp://a:",
          "amqp://a:x",
          "amqp://a:65536",
          "amqp://a:0",
          "amqp://a/path",
          "amqp://a:1/",
          "amqp://[::1",
          "amqp://[a]",
          "amqp://[127.0.0.1]",
          "amqp://::1",
          "amqp://a b",
          "amqp://u:p@a",
          "amqp://a..b",
          "AMQP://a",
          "amqp://a:1?x"}) {
        EXPECT_TRUE(std::holds_alternative<std::string>(parse_endpoint(text))) << text;
    }
}

TEST(in_quotes, cuts_long_text_between_characters_and_shows_control_characters) {
    EXPECT_EQ(in_quotes("a\nb"), "'a\\nb'");
    EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(64, 'x') + "'...");
    EXPECT_EQ(in_quotes(std::string(63, 'x') + "é"), "'" + std::string(63, 'x') + "'...");
}

}  // namespace
