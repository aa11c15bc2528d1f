// The two template grammars: what parses to what, and what is refused why.
#include "common/manifest/text/topic_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace pgw::manifest;
using kind = template_level::kind_type;

template_piece literal(std::string text) {
    return {piece_kind::literal, std::move(text)};
}
template_piece variable(std::string name) {
    return {piece_kind::variable, std::move(name)};
}
template_level level(std::vector<template_piece> pieces) {
    return {kind::pieces, pieces, {}};
}

struct topic_case {
    std::string name;
    std::string text;
    std::vector<template_level> expected;
};
void PrintTo(const topic_case& c, std::ostream* out) {
    *out << c.name << ": " << c.text;
}

struct topic_template_that_parses : testing::TestWithParam<topic_case> {};

TEST_P(topic_template_that_parses, has_the_levels_it_says) {
    const auto parsed = parse_topic_template(GetParam().text);
    ASSERT_TRUE(std::holds_alternative<topic_template>(parsed))
        << std::get<template_error>(parsed).text;
    EXPECT_EQ(std::get<topic_template>(parsed).levels, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    table,
    topic_template_that_parses,
    testing::Values(
        topic_case{"literal", "a/b", {level({literal("a")}), level({literal("b")})}},
        topic_case{"rest_alone", "{*rest}", {{kind::rest, {variable("rest")}, {}}}},
        topic_case{
            "whole_level_variable",
            "dev/{id}/t/{*kind}",
            {level({literal("dev")}),
             level({variable("id")}),
             level({literal("t")}),
             {kind::rest, {variable("kind")}, {}}}
        },
        topic_case{
            "part_of_a_level",
            "dev-{id}.x",
            {level({literal("dev-"), variable("id"), literal(".x")})}
        },
        topic_case{
            "two_in_one_level", "{a}-{b}", {level({variable("a"), literal("-"), variable("b")})}
        },
        topic_case{
            "optional_tail",
            "a/{b=x}/{c=}",
            {level({literal("a")}),
             {kind::optional, {variable("b")}, "x"},
             {kind::optional, {variable("c")}, ""}}
        },
        topic_case{"escaped_braces", "{{a}}", {level({literal("{a}")})}},
        topic_case{"empty_levels", "/a/", {level({}), level({literal("a")}), level({})}},
        topic_case{"utf8", "größe/{x}", {level({literal("größe")}), level({variable("x")})}},
        topic_case{"dollar", "$SYS/x", {level({literal("$SYS")}), level({literal("x")})}}
    ),
    [](const auto& row) { return row.param.name; }
);

struct error_case {
    std::string name;
    std::string text;
    std::string expected;
    std::size_t offset;
};
void PrintTo(const error_case& c, std::ostream* out) {
    *out << c.name << ": " << c.text;
}

struct topic_template_that_is_refused : testing::TestWithParam<error_case> {};

TEST_P(topic_template_that_is_refused, says_why_and_where) {
    const auto parsed = parse_topic_template(GetParam().text);
    ASSERT_TRUE(std::holds_alternative<template_error>(parsed));
    EXPECT_THAT(std::get<template_error>(parsed).text, testing::HasSubstr(GetParam().expected));
    EXPECT_EQ(std::get<template_error>(parsed).offset, GetParam().offset);
}

INSTANTIATE_TEST_SUITE_P(
    table,
    topic_template_that_is_refused,
    testing::Values(
        error_case{"empty", "", "must not be empty", 0},
        error_case{"unclosed", "a/{b", "not closed", 2},
        error_case{"stray_close", "a}b", "without '{'", 1},
        error_case{"empty_name", "{}", "not a variable name", 0},
        error_case{"digit_first", "{1a}", "not a variable name", 0},
        error_case{"space_in_name", "{a b}", "not a variable name", 0},
        error_case{"long_name", "{" + std::string(65, 'a') + "}", "not a variable name", 0},
        error_case{"nested", "{a{b}", "not a variable name", 0},
        error_case{"plus", "a/+/b", "wildcards", 2},
        error_case{"hash", "a/#", "wildcards", 2},
        error_case{"rest_not_last", "{*a}/b", "must be the last", 6},
        error_case{"rest_not_last_with_empty_level", "{*a}/", "must be the last", 5},
        error_case{"rest_beside_text_before", "a{*b}", "whole level", 1},
        error_case{"rest_beside_text_after", "{*b}a", "holds nothing else", 4},
        error_case{"optional_beside_text", "a{b=c}", "whole level", 1},
        error_case{"variable_after_optional_in_level", "{b=c}{d}", "holds nothing else", 5},
        error_case{"required_after_optional", "{a=x}/b", "only optional", 7},
        error_case{"rest_after_optional", "{a=x}/{*b}", "only optional", 10},
        error_case{"default_with_slash", "{a=b/c}", "one level", 0},
        error_case{"default_with_wildcard", "{a=+}", "one level", 0},
        error_case{"bound_twice", "{a}/{a}", "bound twice", 4},
        error_case{"touching", "{a}{b}", "two variables touch", 3},
        error_case{"nul", std::string("a\0b", 3), "NUL", 1}
    ),
    [](const auto& row) { return row.param.name; }
);

TEST(topic_template, more_variables_than_the_limit_are_refused) {
    std::string text = "{v0}";
    for (int i = 1; i < 32; ++i) text += "/{v" + std::to_string(i) + "}";
    const auto parsed = parse_topic_template(text);
    ASSERT_TRUE(std::holds_alternative<topic_template>(parsed));
    EXPECT_EQ(std::get<topic_template>(parsed).variables().size(), 32u);
    EXPECT_TRUE(std::holds_alternative<template_error>(parse_topic_template(text + "/{more}")));
}

TEST(value_template, is_literals_and_variables_in_order) {
    const auto parsed =
        std::get<value_template>(parse_value_template("cmd.{clientId}.{{x}}.{a-b}"));
    const std::vector<template_piece> expected{
        literal("cmd."), variable("clientId"), literal(".{x}."), variable("a-b")
    };
    EXPECT_EQ(parsed.pieces, expected);
    EXPECT_FALSE(parsed.is_constant());
}

TEST(value_template, variables_may_touch_and_repeat_and_are_listed_once) {
    const auto parsed = std::get<value_template>(parse_value_template("{a}{b}{a}"));
    EXPECT_EQ(parsed.pieces.size(), 3u);
    EXPECT_THAT(parsed.variables(), testing::ElementsAre("a", "b"));
}

TEST(value_template, text_without_variables_is_constant) {
    EXPECT_TRUE(std::get<value_template>(parse_value_template("/amq/queue/a+b#")).is_constant());
    EXPECT_TRUE(std::get<value_template>(parse_value_template("")).pieces.empty());
}

TEST(value_template, defaults_and_rest_belong_to_topics_only) {
    EXPECT_TRUE(std::holds_alternative<template_error>(parse_value_template("{a=b}")));
    EXPECT_TRUE(std::holds_alternative<template_error>(parse_value_template("{*a}")));
    EXPECT_TRUE(std::holds_alternative<template_error>(parse_value_template("{")));
}

}  // namespace
