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

struct visible_string : testing::TestWithParam<escape_case> {};

TEST_P(visible_string, shows_what_a_terminal_would_obey) {
    std::string out;
    pgw::base::append_visible_string(out, GetParam().input);
    EXPECT_EQ(out, GetParam().expected);
    out.clear();
    pgw::base::append_json_string(out, GetParam().input);
    EXPECT_EQ(out, '"' + GetParam().input + '"') << "to a machine it is text as any other";
}

INSTANTIATE_TEST_SUITE_P(
    table,
    visible_string,
    testing::Values(
        escape_case{
            "control_sequence_introducer",
            "\xc2\x9b"
            "31m",
            R"("\u009b31m")"
        },
        escape_case{
            "next_line",
            "a\xc2\x85"
            "b",
            R"("a\u0085b")"
        },
        escape_case{"after_the_c1_controls", "\xc2\xa0", "\"\xc2\xa0\""},
        escape_case{
            "right_to_left_override",
            "a\xe2\x80\xae"
            "b",
            R"("a\u202eb")"
        },
        escape_case{"isolate", "\xe2\x81\xa6", R"("\u2066")"},
        escape_case{"arabic_letter_mark", "\xd8\x9c", R"("\u061c")"},
        escape_case{"zero_width_space", "\xe2\x80\x8b", R"("\u200b")"},
        escape_case{"line_separator", "\xe2\x80\xa8", R"("\u2028")"},
        escape_case{"byte_order_mark", "\xef\xbb\xbf", R"("\ufeff")"},
        escape_case{
            "neighbours_of_marks",
            "\u2010\u2027\u202f\u2070\ufefe",
            "\"\u2010\u2027\u202f\u2070\ufefe\""
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
