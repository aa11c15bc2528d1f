// Lines about devices come at a bounded rate.
#include "worker/server/device_log.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using namespace pgw;
using namespace std::chrono_literals;

struct device_lines : testing::Test {
    std::vector<std::string> lines;
    base::logger log{std::make_shared<base::log_sink>(
        base::log_level::info,
        base::log_format::json,
        [this](std::string_view line) { lines.emplace_back(line); }
    )};
    server::device_log notices{log};
    base::time_point now{1h};
};

TEST_F(device_lines, say_who_and_why) {
    notices.on_refused("dev-1", "no route matches the topic");
    notices.on_system_topic("vm.gw", "$SYS/broker/connection/vm.gw/state");
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_NE(lines[0].find("\"client\":\"dev-1\""), std::string::npos) << lines[0];
    EXPECT_NE(lines[0].find("no route matches the topic"), std::string::npos);
    EXPECT_NE(lines[1].find("$SYS/broker/connection/vm.gw/state"), std::string::npos);
}

TEST_F(device_lines, device_that_reconnects_for_ever_does_not_fill_the_log) {
    notices.on_tick(now);
    for (int i = 0; i < 1000; ++i) notices.on_refused("dev-1", "no route matches the topic");
    EXPECT_EQ(lines.size(), 20u);
    notices.on_tick(now + 9s);
    EXPECT_EQ(lines.size(), 20u);
    notices.on_tick(now + 10s);
    ASSERT_EQ(lines.size(), 21u);
    EXPECT_NE(lines[20].find("980"), std::string::npos) << lines[20];
    notices.on_refused("dev-1", "no route matches the topic");
    EXPECT_EQ(lines.size(), 22u);
}

TEST_F(device_lines, long_texts_are_cut) {
    notices.on_refused(std::string(1000, 'c'), std::string(10'000, 'x'));
    EXPECT_LT(lines.at(0).size(), 600u);
}

}  // namespace
