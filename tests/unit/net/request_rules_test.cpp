// Which requests are refused before anybody looks at their path.
#include "common/net/request_rules.hpp"

#include <gtest/gtest.h>

namespace pgw::net {
namespace {

unsigned status_of(const request_head& head) {
    const auto refusal = judge(head);
    return refusal ? refusal->status : 200;
}

TEST(request_head, has_one_host) {
    EXPECT_EQ(status_of({.hosts = {"a"}}), 200u);
    EXPECT_EQ(status_of({.hosts = {""}}), 200u);
    EXPECT_EQ(status_of({.hosts = {}}), 400u);
    EXPECT_EQ(status_of({.hosts = {"a", "a"}}), 400u);
    EXPECT_EQ(status_of({.is_http_1_1 = false, .hosts = {}}), 200u);
    EXPECT_EQ(status_of({.is_http_1_1 = false, .hosts = {"a", "b"}}), 400u);
    EXPECT_EQ(status_of({.hosts = {"a, b"}}), 400u);
    EXPECT_EQ(status_of({.hosts = {"a b"}}), 400u);
}

TEST(request_head, announces_no_body) {
    const std::vector<std::string_view> host{"a"};
    EXPECT_EQ(status_of({.hosts = host, .content_lengths = 1}), 200u) << "it may be 0";
    EXPECT_EQ(status_of({.hosts = host, .content_lengths = 2}), 400u);
    EXPECT_EQ(status_of({.hosts = host, .transfer_encodings = {"chunked"}}), 400u);
    EXPECT_EQ(status_of({.hosts = host, .transfer_encodings = {"Chunked"}}), 400u);
    for (const auto* coding :
         {"xchunked", "identity", "gzip, chunked", "chunked, identity", "", "chunked;x"}) {
        EXPECT_EQ(status_of({.hosts = host, .transfer_encodings = {coding}}), 501u) << coding;
        EXPECT_EQ(
            status_of({.hosts = host, .transfer_encodings = {coding}, .content_lengths = 1}), 400u
        ) << coding;
    }
    EXPECT_EQ(status_of({.hosts = host, .transfer_encodings = {"chunked", "chunked"}}), 501u);
    EXPECT_EQ(
        status_of({.is_http_1_1 = false, .hosts = host, .transfer_encodings = {"gzip"}}), 400u
    );
}

TEST(host_field, gives_the_name_without_port_in_lower_case) {
    const std::pair<const char*, const char*> rows[] = {
        {"example.com", "example.com"},
        {"EXAMPLE.com:80", "example.com"},
        {"example.com.", "example.com"},
        {"example.com:", "example.com"},
        {"10.0.0.1:9090", "10.0.0.1"},
        {"[::1]:9090", "::1"},
        {"[FE80::1]", "fe80::1"},
        {"", ""},
        {":80", ""},
        {"a_b-c", "a_b-c"},
    };
    for (const auto& [field, name] : rows) EXPECT_EQ(host_name(field), name) << field;
}

TEST(host_field, that_is_none_is_refused) {
    for (const auto* field :
         {"a b",
          "a/b",
          "user@a",
          "a:b",
          "a:80:80",
          "a:123456",
          "::1",
          "[::1",
          "[::1]x",
          "[::1]:x",
          "[1.2.3.4]",
          "[a]",
          "[fe80::1%25lo]",
          "a%62",
          "\xc3\xa4"}) {
        EXPECT_FALSE(host_name(field)) << field;
    }
}

TEST(own_host, is_what_nobody_else_can_register) {
    const std::vector<std::string> configured{"Gateway.example.com"};
    for (const auto* name :
         {"",
          "localhost",
          "127.0.0.1",
          "10.1.2.3",
          "::1",
          "gateway",
          "x.localhost",
          "pgw-metrics.plant.svc",
          "pgw-metrics.plant.svc.cluster.local",
          "ip-10-0-0-1.ec2.internal",
          "gateway.example.com"}) {
        EXPECT_TRUE(is_own_host(name, configured)) << name;
    }
    for (const auto* name :
         {"attacker.example",
          "localhost.attacker.example",
          "127.0.0.1.attacker.example",
          "127.1",
          "x.gateway.example.com",
          "svc.example",
          "mylocal.example"}) {
        EXPECT_FALSE(is_own_host(name, configured)) << name;
    }
}

}  // namespace
}  // namespace pgw::net
