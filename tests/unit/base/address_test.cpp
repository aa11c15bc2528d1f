// Addresses as text.
#include "common/base/address.hpp"

#include <gtest/gtest.h>

using namespace std::string_view_literals;

namespace pgw::base {
namespace {

TEST(ip_address, is_what_a_socket_can_be_bound_to) {
    for (const auto text : {"0.0.0.0"sv, "127.0.0.1"sv, "::"sv, "fe80::1"sv, "::ffff:10.0.0.1"sv}) {
        EXPECT_TRUE(is_ip_address(text)) << text;
    }
    for (const auto text :
         {""sv, "localhost"sv, "127.1"sv, "[::1]"sv, "fe80::1%lo"sv, "1.2.3.4:5"sv, "1.2.3.4\0x"sv
         }) {
        EXPECT_FALSE(is_ip_address(text)) << text;
    }
}

TEST(loopback, is_this_machine_only) {
    for (const auto text :
         {"127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "localhost"}) {
        EXPECT_TRUE(is_loopback(text)) << text;
    }
    for (const auto text :
         {"128.0.0.1",
          "::",
          "::ffff:10.0.0.1",
          "localhost.example",
          "127.example",
          "127.0.0.1.example",
          ""}) {
        EXPECT_FALSE(is_loopback(text)) << text;
    }
}

}  // namespace
}  // namespace pgw::base
