// Hostile text: bounds hold, and quickly.
#include "common/manifest/read/document.hpp"

#include "tests/unit/manifest/manifest_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {

using namespace std::string_literals;
using namespace pgw::manifest;
using pgw::test::problems_of;
using testing::HasSubstr;

std::string repeated(std::string_view text, std::size_t bytes) {
    std::string result;
    while (result.size() + text.size() <= bytes) result += text;
    return result;
}

std::string first_problem(std::string_view text) {
    const auto parsed = parse_document(text);
    const auto* problems = std::get_if<std::vector<problem>>(&parsed);
    return problems == nullptr ? "none" : to_string(problems->at(0));
}

TEST(document, alias_bomb_is_refused_at_its_first_anchor) {
    EXPECT_THAT(
        first_problem("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"),
        HasSubstr("anchors are not allowed (line 1")
    );
}

TEST(document, nesting_is_bounded) {
    for (const std::string open : {"[", "{a: ", "- ", "? "}) {
        SCOPED_TRACE(open);
        EXPECT_NE(first_problem(repeated(open, 4096)), "none");
    }
    EXPECT_THAT(
        first_problem(std::string(65, '[') + std::string(65, ']')), HasSubstr("nested too deeply")
    );
    EXPECT_EQ(first_problem(std::string(64, '[') + std::string(64, ']')), "none");
}

TEST(document, size_and_nodes_are_bounded) {
    EXPECT_THAT(first_problem(std::string((1 << 20) + 1, ' ')), HasSubstr("larger than 1 MiB"));
    EXPECT_THAT(
        first_problem("[" + repeated("a,", 200'002) + "a]"), HasSubstr("more than 100000 nodes")
    );
}

TEST(document, bytes_that_are_no_text_are_refused_with_their_place) {
    EXPECT_EQ(first_problem("a: b\nc: \xff"), "manifest: is not valid UTF-8 (line 2, column 4)");
    EXPECT_THAT(first_problem("a: \0"s), HasSubstr("control character (line 1, column 4)"));
    EXPECT_THAT(first_problem("\xff\xfe" + "a\0"s), HasSubstr("not valid UTF-8"));
    EXPECT_THAT(first_problem("a: \xed\xa0\x80"), HasSubstr("not valid UTF-8"));
}

TEST(document, keys_are_text_and_distinct) {
    EXPECT_THAT(first_problem("? [a]\n: b\n"), HasSubstr("a key must be text"));
    EXPECT_THAT(first_problem("~: b\n"), HasSubstr("a key must be text"));
    EXPECT_THAT(first_problem("a: {b: 1, c: 2, b: 3}\n"), HasSubstr("a.b: is given twice"));
}

TEST(document, paths_count_list_items) {
    EXPECT_THAT(first_problem("a:\n- b: 1\n- b: 1\n  b: 2\n"), HasSubstr("a[1].b: is given twice"));
}

TEST(document, nothing_is_no_manifest) {
    EXPECT_THAT(problems_of(""), HasSubstr("manifest: is empty"));
    EXPECT_THAT(problems_of("# only a comment\n"), HasSubstr("manifest: is empty"));
    EXPECT_THAT(problems_of("just text"), HasSubstr("must be an object"));
    EXPECT_THAT(problems_of("~"), HasSubstr("must be an object"));
}

TEST(document, quoted_and_plain_scalars_are_told_apart) {
    const auto parsed = parse_document("[1, \"1\", '1', ~, true]");
    ASSERT_TRUE(std::holds_alternative<node>(parsed));
    const auto& items = std::get<node>(parsed).items;
    ASSERT_EQ(items.size(), 5u);
    EXPECT_EQ(items[0].kind, node::kind_type::plain);
    EXPECT_EQ(items[1].kind, node::kind_type::text);
    EXPECT_EQ(items[2].kind, node::kind_type::text);
    EXPECT_EQ(items[3].kind, node::kind_type::null);
    EXPECT_EQ(items[4].scalar, "true");
}

// One thing over and over. The test's time-out is the assertion that no answer takes quadratic
// time.
TEST(document, large_hostile_inputs_are_answered) {
    for (const std::string unit :
         {"[",  "]",    "{",           "}",     "[\n",   "{\n",  "- ",     "-\n",
          "? ", "?\n",  ": ",          ":\n",   "a: ",   "a:\n", "a: b\n", "\"",
          "'",  "\\",   "|\n",         ">\n",   "&a ",   "*a ",  "! ",     "!a ",
          "!<", "% ",   "%YAML 1.2\n", "---\n", "...\n", "# \n", "#",      " ",
          "\n", "\t",   "a",           "a\n",   "[],",   "{},",  ",",      "\"a\": ",
          "é",  "- - ", "[a: ",        "{? ",   "\r",    "\r\n"}) {
        SCOPED_TRACE(unit);
        for (const std::string prefix : {"", "a: ", "[", "\""}) {
            EXPECT_NE(problems_of(prefix + repeated(unit, 32 << 10)), "");
        }
    }
    for (const std::string unit : {"[", "{", "a\n", "[a: ", "! "}) {
        SCOPED_TRACE(unit);
        EXPECT_NE(problems_of(repeated(unit, 1 << 20)), "");
    }
}

// Problems by the ten thousand, of reading and of rules.
TEST(document, manifest_full_of_problems_is_answered) {
    std::string properties;
    for (int i = 0; i < 60; ++i) properties += "p" + std::to_string(i) + ": \"{x}\", ";
    std::string routes;
    for (int i = 0; i < 250; ++i) {
        routes +=
            "{name: r, nonsense: 1, onRefused: {type: Discard, deadLetter: {}}, match: {topic: a}, "
            "to: {upstream: up, address: t, properties: {" +
            properties + "}}}, ";
    }
    pgw::test::manifest_text m;
    m.routes = "{publish: [" + routes + "]}";
    const auto problems = problems_of(m.text());
    EXPECT_GT(std::count(problems.begin(), problems.end(), '\n'), 15'000);
}

}  // namespace
