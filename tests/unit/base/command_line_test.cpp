// What a program is asked, and what is said when it makes no sense.
#include "common/base/command_line.hpp"

#include <gtest/gtest.h>

namespace pgw::base {
namespace {

struct command_line_test : testing::Test {
    command_line_test() {
        line.flag("--fast", fast)
            .text("--name", name)
            .text_that_is_not_empty("--image", image)
            .port("--port", port)
            .port("--other-port", other_port)
            .number<int>("--count", 1, 256, count);
    }
    std::string problem(const std::vector<std::string_view>& arguments) {
        const auto parsed = line.parse(arguments);
        EXPECT_EQ(parsed.what, command_line::verdict::wrong);
        return parsed.problem;
    }

    command_line line;
    bool fast = false;
    std::string name, image;
    std::uint16_t port = 1;
    std::optional<std::uint16_t> other_port;
    int count = 0;
};

TEST_F(command_line_test, options_are_taken_in_any_order) {
    const auto parsed = line.parse(
        {"--port", "0", "--fast", "--name", "", "--count", "256", "--other-port", "65535"}
    );
    EXPECT_EQ(parsed.what, command_line::verdict::run);
    EXPECT_TRUE(fast);
    EXPECT_EQ(port, 0);
    EXPECT_EQ(other_port, 65535);
    EXPECT_EQ(count, 256);
    line.parse({"--name", "--fast"});
    EXPECT_EQ(name, "--fast") << "a value may look like an option";
}

TEST_F(command_line_test, a_wrong_value_is_named_with_its_option) {
    EXPECT_EQ(problem({"--port", "65536"}), "--port: '65536' is not a port");
    EXPECT_EQ(problem({"--other-port", "1x"}), "--other-port: '1x' is not a port");
    EXPECT_EQ(problem({"--count", "0"}), "--count: '0' is not a number from 1 to 256");
    EXPECT_EQ(problem({"--count", ""}), "--count: '' is not a number from 1 to 256");
    EXPECT_EQ(problem({"--image", ""}), "--image: '' is empty");
    EXPECT_EQ(problem({"--fast", "--name"}), "--name needs a value");
}

TEST_F(command_line_test, what_is_unknown_is_named) {
    EXPECT_EQ(problem({"--slow"}), "unknown argument '--slow'");
    EXPECT_EQ(problem({"file"}), "unknown argument 'file'");
    EXPECT_EQ(problem({"--name=x"}), "unknown argument '--name=x'");
}

TEST_F(command_line_test, what_is_no_option_goes_to_its_own_taker) {
    std::vector<std::string> taken;
    line.positional([&](std::string_view text) {
        taken.emplace_back(text);
        return std::string(taken.size() > 2 ? "is one too many" : "");
    });
    EXPECT_EQ(problem({"a", "--fast", "b", "c"}), "'c' is one too many");
    EXPECT_EQ(problem({"--slow"}), "unknown argument '--slow'");
}

TEST_F(command_line_test, help_and_version_end_the_parsing) {
    EXPECT_EQ(line.parse({"--help", "--nonsense"}).what, command_line::verdict::help);
    EXPECT_EQ(line.parse({"--fast", "--version"}).what, command_line::verdict::version);
}

TEST(parse_number, takes_the_whole_text_or_nothing) {
    EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
    EXPECT_EQ(parse_number<double>("0.5"), 0.5);
    for (const auto* text : {"", " 1", "1 ", "+1", "-1", "65536", "0x1"}) {
        EXPECT_FALSE(parse_number<std::uint16_t>(text)) << text;
    }
}

}  // namespace
}  // namespace pgw::base
