// Log lines as they reach the writer.
#include "common/base/log.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <thread>

namespace {

using namespace std::string_literals;
using pgw::base::log_format;
using pgw::base::log_level;
using pgw::base::log_sink;
using pgw::base::logger;

struct log_test : testing::Test {
    std::vector<std::string> lines;
    std::shared_ptr<log_sink> sink(log_level level, log_format format) {
        return std::make_shared<log_sink>(level, format, [this](std::string_view line) {
            lines.emplace_back(line);
        });
    }
};

TEST_F(log_test, json_line_is_one_object_with_typed_fields) {
    const logger log{sink(log_level::info, log_format::json)};
    log.info(
        "listening",
        {{"port", 1883}, {"big", UINT64_MAX}, {"ratio", 0.5}, {"tls", false}, {"name", "mqtt"}}
    );
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].back(), '\n');
    const auto object = boost::json::parse(lines[0]).as_object();
    EXPECT_EQ(object.at("level"), "info");
    EXPECT_EQ(object.at("message"), "listening");
    EXPECT_EQ(object.at("port").as_int64(), 1883);
    EXPECT_EQ(object.at("big").as_uint64(), UINT64_MAX);
    EXPECT_EQ(object.at("ratio").as_double(), 0.5);
    EXPECT_EQ(object.at("tls").as_bool(), false);
    EXPECT_EQ(object.at("name"), "mqtt");
}

TEST_F(log_test, time_is_rfc_3339_in_utc_with_milliseconds) {
    logger{sink(log_level::info, log_format::json)}.info("x");
    const auto time = boost::json::parse(lines.at(0)).at("time").as_string();
    EXPECT_TRUE(
        std::regex_match(time.c_str(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"))
    ) << time;
}

TEST_F(log_test, hostile_text_stays_one_valid_json_line) {
    const logger log{sink(log_level::info, log_format::json)};
    log.info("x", {{"evil", "a\nb\"\\\0\xff\x1b[2J"s}});
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(std::count(lines[0].begin(), lines[0].end(), '\n'), 1);
    EXPECT_NO_THROW(boost::json::parse(lines[0]));
}

TEST_F(log_test, numbers_that_json_lacks_are_null) {
    logger{sink(log_level::info, log_format::json)}.info("x", {{"v", std::nan("")}});
    EXPECT_TRUE(boost::json::parse(lines.at(0)).at("v").is_null());
}

TEST_F(log_test, bound_fields_come_before_the_calls_own) {
    const auto log =
        logger{sink(log_level::info, log_format::json)}.with({{"session", 7}}).with({{"a", "b"}});
    log.info("x", {{"last", true}});
    EXPECT_THAT(
        lines.at(0), testing::HasSubstr(R"("message":"x","session":7,"a":"b","last":true})")
    );
}

TEST_F(log_test, level_filters_and_can_be_changed) {
    const auto shared = sink(log_level::warn, log_format::json);
    const logger log{shared};
    log.info("no");
    EXPECT_FALSE(log.enabled(log_level::info));
    log.error("yes");
    EXPECT_EQ(lines.size(), 1u);
    shared->set_level(log_level::debug);
    log.debug("yes");
    EXPECT_EQ(lines.size(), 2u);
    shared->set_level(log_level::off);
    log.error("no");
    EXPECT_EQ(lines.size(), 2u);
}

TEST_F(log_test, text_line_quotes_what_is_not_a_plain_word) {
    const logger log{sink(log_level::info, log_format::text)};
    log.with({{"a", "plain"}}).warn("two words", {{"b", "x y"}, {"c", "\x1b[31m"}, {"d", ""}});
    EXPECT_THAT(
        lines.at(0),
        testing::EndsWith("Z warn  two words a=plain b=\"x y\" c=\"\\u001b[31m\" d=\"\"\n")
    );
}

TEST_F(log_test, no_text_of_a_peer_commands_a_terminal_or_hides) {
    for (const auto format : {log_format::text, log_format::json}) {
        lines.clear();
        logger{sink(log_level::info, format)}.warn(
            "x",
            {{"error",
              "a\xc2\x9b"
              "2Jb\xe2\x80\xae"}}
        );
        EXPECT_THAT(lines.at(0), testing::HasSubstr(R"("a\u009b2Jb\u202e")"));
    }
}

TEST_F(log_test, default_logger_logs_nothing) {
    const logger log;
    EXPECT_FALSE(log.enabled(log_level::error));
    log.with({{"a", 1}}).error("nothing happens");
    EXPECT_TRUE(lines.empty());
}

TEST_F(log_test, writer_is_never_called_by_two_threads_at_once) {
    const auto shared = sink(log_level::info, log_format::json);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([log = logger{shared}] {
            for (int i = 0; i < 100; ++i) log.info("x", {{"i", i}});
        });
    }
    threads.clear();
    EXPECT_EQ(lines.size(), 400u);
}

}  // namespace
