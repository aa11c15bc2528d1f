// The syntaxes of names and addresses, of scalars without quotes, and text that survives YAML.
#include "common/manifest/text/syntax.hpp"

#include "common/manifest/text/yaml_text.hpp"
#include "common/yaml/plain_scalar.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace pgw::manifest;
using pgw::yaml::classify_plain;
using pgw::yaml::plain_type;

const std::string long_part(63, 'a');

TEST(syntax, qualified_names) {
    for (const std::string text : {"a", "A-b_c.d", "a.b/c", "example.com/A", "9/9"}) {
        EXPECT_TRUE(is_qualified_name(text)) << text;
    }
    EXPECT_TRUE(is_qualified_name(std::string(253, 'a') + "/" + long_part));
    for (const std::string text : {"", "/", "/a", "a/", "a/b/c", "-a", "a-", "A.b/c", "a b", "é"}) {
        EXPECT_FALSE(is_qualified_name(text)) << text;
    }
    EXPECT_FALSE(is_qualified_name(long_part + "a"));
    EXPECT_FALSE(is_qualified_name(std::string(254, 'a') + "/a"));
}

TEST(syntax, addresses_and_networks) {
    for (const std::string text : {"10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::1/128"}) {
        EXPECT_TRUE(is_cidr(text)) << text;
    }
    for (const std::string text :
         {"10.0.0.0",
          "10.0.0.0/",
          "10.0.0.0/33",
          "10.0.0.0/08",
          "10.0.0/8",
          "::/129",
          "::/-1",
          "::ffff:10.0.0.0/100",
          "/8",
          "a/8"}) {
        EXPECT_FALSE(is_cidr(text)) << text;
    }
    EXPECT_TRUE(is_ip_address("::1.2.3.4"));
    EXPECT_FALSE(is_ip_address("::ffff:1.2.3.4"));
    EXPECT_FALSE(is_ip_address("01.2.3.4"));
}

TEST(syntax, quantities) {
    for (const std::string text :
         {"0", "1", "100m", "0.5", ".5", "5.", "64Mi", "1E", "1Ei", "1e3", "1E-2", "1n"}) {
        EXPECT_TRUE(is_quantity(text)) << text;
    }
    for (const std::string text :
         {"", ".", "-1", "+1", "1K", "1mi", "1e", "1e+", "1e100", "1.2.3", "1 ", "0x1", "m"}) {
        EXPECT_FALSE(is_quantity(text)) << text;
    }
    EXPECT_TRUE(is_quantity(std::string(32, '1')));
    EXPECT_FALSE(is_quantity(std::string(33, '1')));
}

TEST(syntax, names_of_secrets_and_keys_are_kubernetes_own) {
    EXPECT_TRUE(is_subdomain(std::string(200, 'a')));
    EXPECT_FALSE(is_subdomain("a..b"));
    EXPECT_TRUE(is_secret_key(".a.b"));
    EXPECT_FALSE(is_secret_key("..a"));
}

struct scalar {
    const char* text;
    plain_type type;
};

TEST(plain_scalar, is_what_yaml_readers_agree_on) {
    using enum plain_type;
    constexpr scalar scalars[] = {
        {"a", text},
        {"inf", text},
        {"nan", text},
        {"0bad", text},
        {"0xg", text},
        {"1:30", text},
        {"2001-01-01", text},
        {"_1", text},
        {"-", text},
        {".", text},
        {"+", text},
        {"1s", text},
        {"true", boolean},
        {"FALSE", boolean},
        {"tRUE", text},
        {"yes", unclear},
        {"Off", unclear},
        {"y", unclear},
        {"0", integer},
        {"-5", integer},
        {"9223372036854775807", integer},
        {"9223372036854775808", unclear},
        {"010", unclear},
        {"1_000", unclear},
        {"0x1F", unclear},
        {"0b1", unclear},
        {"+1", unclear},
        {"1.5", number},
        {"1e3", number},
        {"5E-1", number},
        {"1.", unclear},
        {".5", unclear},
        {"1e999", unclear},
        {".inf", unclear},
        {"-.INF", unclear},
    };
    for (const auto& row : scalars) EXPECT_EQ(classify_plain(row.text), row.type) << row.text;
}

TEST(yaml_text, quotes_what_could_be_taken_for_something_else) {
    const boost::json::object object{
        {"tls", "on"},
        {"y", "null"},
        {"plain-text", "a/b.c"},
        {"list", boost::json::array{1, "1", boost::json::object{}, nullptr}},
        {"empty", boost::json::array{}}
    };
    EXPECT_EQ(
        to_yaml(object),
        "tls: \"on\"\n\"y\": \"null\"\nplain-text: a/b.c\nlist:\n  - 1\n  - \"1\"\n  - {}\n  - "
        "null\nempty: []\n"
    );
}

TEST(yaml_text, announces_long_keys) {
    const std::string key(1001, 'k');
    EXPECT_EQ(
        to_yaml({{"a", boost::json::array{boost::json::object{{key, 1}, {"b", 2}}}}}),
        "a:\n  - ? " + key + "\n    : 1\n    b: 2\n"
    );
}

}  // namespace
