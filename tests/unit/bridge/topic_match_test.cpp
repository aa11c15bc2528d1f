// Topic templates against topics, and value templates filled from a match.
#include "worker/bridge/topic_match.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace {

using pgw::bridge::builtin_values;
using pgw::bridge::captures;
using pgw::bridge::compiled_value;

pgw::manifest::topic_template parse(std::string_view text) {
    return std::get<pgw::manifest::topic_template>(pgw::manifest::parse_topic_template(text));
}

/// The captured values joined by '|', or nothing without a match.
std::optional<std::string> try_match(std::string_view pattern, std::string_view topic) {
    const auto parsed = parse(pattern);
    captures captured;
    if (!pgw::bridge::match(parsed, topic, captured)) return std::nullopt;
    std::string joined;
    for (std::size_t i = 0; i < parsed.variables().size(); ++i) {
        if (i > 0) joined += '|';
        joined += captured.values[i];
    }
    return joined;
}

struct row {
    const char* name;
    const char* pattern;
    const char* topic;
    std::optional<std::string> expected;
};

TEST(topic_match, matches_and_captures_as_the_grammar_says) {
    const std::vector<row> rows{
        {"literal", "a/b", "a/b", ""},
        {"literal is exact", "a/b", "a/b/c", std::nullopt},
        {"literal is case sensitive", "a/b", "a/B", std::nullopt},
        {"shorter topic", "a/b", "a", std::nullopt},
        {"whole level", "dev/{id}/t", "dev/17/t", "17"},
        {"a variable is one level", "dev/{id}", "dev/1/2", std::nullopt},
        {"a variable is not empty", "dev/{id}/t", "dev//t", std::nullopt},
        {"part of a level", "dev-{id}-x", "dev-7-x", "7"},
        {"part of a level with the stop inside", "dev-{id}-x", "dev-7-x-x", "7-x"},
        {"two in a level", "{a}-{b}", "1-2-3", "1|2-3"},
        {"prefix only", "dev{id}", "dev", std::nullopt},
        {"rest takes one level", "t/{*rest}", "t/a", "a"},
        {"rest takes all levels", "t/{*rest}", "t/a/b/c", "a/b/c"},
        {"rest takes an empty level", "t/{*rest}", "t/", ""},
        {"rest needs a level", "t/{*rest}", "t", std::nullopt},
        {"rest alone takes everything", "{*rest}", "a/b", "a/b"},
        {"default for a missing level", "t/{kind=none}", "t", "none"},
        {"default for an empty level", "t/{kind=none}", "t/", "none"},
        {"default not used", "t/{kind=none}", "t/x", "x"},
        {"default takes one level only", "t/{kind=none}", "t/x/y", std::nullopt},
        {"dollar topics are not for variables", "{*rest}", "$SYS/x", std::nullopt},
        {"dollar topics are for literals", "$iot/{x}", "$iot/1", "1"},
        {"dollar inside is nothing special", "a/{x}", "a/$b", "$b"},
        {"leading slash is an empty level", "/{x}", "/a", "a"},
    };
    for (const auto& r : rows) {
        SCOPED_TRACE(r.name);
        EXPECT_EQ(try_match(r.pattern, r.topic), r.expected);
    }
}

TEST(topic_match, values_are_filled_from_captures_and_builtins) {
    const auto pattern = parse("dev/{id}/{*kind}");
    captures captured;
    ASSERT_TRUE(pgw::bridge::match(pattern, "dev/7/a/b", captured));
    builtin_values builtins;
    builtins.client_id = "c1";
    builtins.topic = "dev/7/a/b";
    std::string out;
    compiled_value("q.{id}.{clientId}.{kind}.{topic}", pattern.variables())
        .append(out, captured, builtins);
    EXPECT_EQ(out, "q.7.c1.a/b.dev/7/a/b");
}

TEST(topic_match, a_value_without_variables_is_constant) {
    const compiled_value value("telemetry", {});
    EXPECT_TRUE(value.is_constant());
    EXPECT_EQ(value.constant(), "telemetry");
    EXPECT_FALSE(compiled_value("{clientId}", {}).is_constant());
}

}  // namespace
