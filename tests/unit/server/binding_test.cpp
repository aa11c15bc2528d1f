// Where the worker listens, stand-alone and in a pod.
#include "worker/server/binding.hpp"

#include <gtest/gtest.h>

namespace pgw::server {
namespace {

TEST(binding, stand_alone_the_manifest_holds) {
    const binding plain("", true);
    EXPECT_EQ(plain.address("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(plain.port(883), 883);
    EXPECT_EQ(plain.admin_address("0.0.0.0"), "0.0.0.0");
}

TEST(binding, overridden_low_ports_move_up) {
    const binding any("0.0.0.0", false);
    EXPECT_EQ(any.address("127.0.0.1"), "0.0.0.0");
    EXPECT_EQ(any.port(1), 10001);
    EXPECT_EQ(any.port(1023), 11023);
    EXPECT_EQ(any.port(1024), 1024);
    EXPECT_EQ(any.port(8883), 8883);
    EXPECT_EQ(any.port(0), 0) << "any free port stays any free port";
}

TEST(binding, the_embedded_broker_leaves_loopback_only_when_the_manifest_says_so) {
    const binding any("0.0.0.0", true);
    EXPECT_EQ(any.broker_address("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(any.broker_address("::1"), "::1");
    EXPECT_EQ(any.broker_address("0.0.0.0"), "0.0.0.0");
    EXPECT_EQ(binding("::", true).broker_address("0.0.0.0"), "::");
    EXPECT_EQ(binding("", true).broker_address("10.0.0.7"), "10.0.0.7");
}

TEST(binding, the_admin_server_is_reachable_only_when_probes_need_it) {
    EXPECT_EQ(binding("0.0.0.0", false).admin_address("127.0.0.1"), "0.0.0.0");
    EXPECT_EQ(binding("0.0.0.0", true).admin_address("0.0.0.0"), "127.0.0.1");
    EXPECT_EQ(binding("10.0.0.7", true).admin_address("0.0.0.0"), "127.0.0.1");
    EXPECT_EQ(binding("127.0.0.7", true).admin_address("127.0.0.1"), "127.0.0.7");
}

TEST(binding, what_listens_on_all_addresses_is_reached_on_loopback) {
    EXPECT_EQ(reachable("0.0.0.0"), "127.0.0.1");
    EXPECT_EQ(reachable("::"), "::1");
    EXPECT_EQ(reachable("10.0.0.7"), "10.0.0.7");
}

}  // namespace
}  // namespace pgw::server
