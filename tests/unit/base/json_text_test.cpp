// JSON strings: escaping, and bytes that are not UTF-8.
#include "common/base/json_text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::string_literals;

struct escape_case {
    std::string name;
    std::string input;
    std::string expected;
};

void PrintTo(const escape_case& c, std::ostream* out) {
    *out << c.name;
}

struct json_string : testing::TestWithParam<escape_case> {};

TEST_P(json_string, is_escaped) {
    std::string out;
    pgw::base::append_json_string(out, GetParam().input);
    EXPECT_EQ(out, GetParam().expected);
}

const std::string replacement = "\xef\xbf\xbd";

INSTANTIATE_TEST_SUITE_P(
    table,
    json_string,
    testing::Values(
        escape_case{"empty", "", R"("")"},
        escape_case{"plain", "abc", R"("abc")"},
        escape_case{"quote_and_backslash", R"(a"b\c)", R"("a\"b\\c")"},
        escape_case{"named_controls", "\n\r\t", R"("\n\r\t")"},
        escape_case{"nul", "a\0b"s, R"("a\u0000b")"},
        escape_case{"escape_sequence", "\x1b[31m", R"("\u001b[31m")"},
        escape_case{"delete", "\x7f", R"("\u007f")"},
        escape_case{"two_three_four_bytes", "é€😀", "\"é€😀\""},
        escape_case{"lone_continuation", "\x80", '"' + replacement + '"'},
        escape_case{"truncated", "\xe2\x82", '"' + replacement + replacement + '"'},
        escape_case{"overlong", "\xc0\xaf", '"' + replacement + replacement + '"'},
        escape_case{
            "surrogate", "\xed\xa0\x80", '"' + replacement + replacement + replacement + '"'
        },
        escape_case{
            "past_the_last_code_point",
            "\xf4\x90\x80\x80",
            '"' + replacement + replacement + replacement + replacement + '"'
        }
    ),
    [](const auto& row) { return row.param.name; }
);

TEST(utf8_sequence_length, counts_bytes_of_the_first_character) {
    EXPECT_EQ(pgw::base::utf8_sequence_length("a"), 1u);
    EXPECT_EQ(pgw::base::utf8_sequence_length("é!"), 2u);
    EXPECT_EQ(pgw::base::utf8_sequence_length("€"), 3u);
    EXPECT_EQ(pgw::base::utf8_sequence_length("😀"), 4u);
    EXPECT_EQ(pgw::base::utf8_sequence_length(""), 0u);
    EXPECT_EQ(pgw::base::utf8_sequence_length("\xff"), 0u);
}

}  // namespace
