// The bounded reader of AMQP values and messages.
#include "worker/amqp/decoding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pgw::amqp {
namespace {

using namespace std::string_literals;

std::vector<std::byte> bytes(std::string_view text) {
    const auto view = base::as_bytes(text);
    return {view.begin(), view.end()};
}

struct scalar_row {
    const char* name;
    std::string encoded;
    scalar::type kind;
    std::uint64_t number;
    std::string text;
};

class scalar_test : public testing::TestWithParam<scalar_row> {};

TEST_P(scalar_test, is_read_and_every_truncation_is_refused) {
    const auto& row = GetParam();
    value_reader reader(base::as_bytes(row.encoded));
    const auto value = reader.read_scalar();
    ASSERT_TRUE(value);
    EXPECT_EQ(value->kind, row.kind);
    EXPECT_EQ(value->number, row.number);
    EXPECT_EQ(value->text(), row.text);
    EXPECT_TRUE(reader.at_end());
    for (std::size_t cut = 0; cut < row.encoded.size(); ++cut) {
        value_reader cut_reader(base::as_bytes(row.encoded).first(cut));
        EXPECT_FALSE(cut_reader.read_scalar()) << cut;
        EXPECT_FALSE(cut_reader.skip()) << cut;
        EXPECT_EQ(cut_reader.rest().size(), cut);
    }
}

INSTANTIATE_TEST_SUITE_P(
    every,
    scalar_test,
    testing::Values(
        scalar_row{"null", "\x40", scalar::type::null, 0, ""},
        scalar_row{"true_code", "\x41", scalar::type::boolean, 1, ""},
        scalar_row{"false_byte", "\x56\x00"s, scalar::type::boolean, 0, ""},
        scalar_row{"uint0", "\x43", scalar::type::unsigned_int, 0, ""},
        scalar_row{
            "ulong",
            "\x80\x00\x00\x00\x01\x00\x00\x00\x02"s,
            scalar::type::unsigned_int,
            0x100000002,
            ""
        },
        scalar_row{"smallint", "\x54\xff", scalar::type::signed_int, ~std::uint64_t{0}, ""},
        scalar_row{"string", "\xa1\x02hi", scalar::type::text, 0, "hi"},
        scalar_row{"symbol32", "\xb3\x00\x00\x00\x01s"s, scalar::type::symbol, 0, "s"},
        scalar_row{"binary", "\xa0\x00"s, scalar::type::binary, 0, ""}
    ),
    [](const auto& row) { return std::string(row.param.name); }
);

TEST(decoding_test, skip_steps_over_described_and_compound_values) {
    // described(described 1, list) then a marker
    const auto input = bytes("\x00\x53\x01\xc0\x03\x02\x40\x41\x42"s);
    value_reader reader(input);
    ASSERT_EQ(reader.skip()->size(), input.size() - 1);
    EXPECT_EQ(reader.read_scalar()->number, 0u);
    EXPECT_TRUE(reader.at_end());
}

TEST(decoding_test, skip_bounds_the_nesting_of_descriptors) {
    const std::string nested(100, '\0');
    value_reader reader(base::as_bytes(nested));
    EXPECT_FALSE(reader.skip());
}

TEST(decoding_test, nesting_is_measured_without_recursion) {
    std::string lists = "\x45";
    for (int i = 0; i < 20; ++i) {
        lists = "\xc0"s + static_cast<char>(lists.size() + 1) + "\x01" + lists;
    }
    EXPECT_TRUE(nesting_within(base::as_bytes(lists), 20));
    EXPECT_FALSE(nesting_within(base::as_bytes(lists), 19));
    EXPECT_FALSE(nesting_within(base::as_bytes(std::string(65536, '\0')), 32));
    // An array of symbols is fine, an array of lists is not.
    EXPECT_TRUE(nesting_within(base::as_bytes("\xe0\x04\x01\xa3\x01s"s), 4));
    EXPECT_FALSE(nesting_within(base::as_bytes("\xe0\x03\x01\xc0\x00"s), 4));
}

std::vector<std::byte> sample_message() {
    std::vector<std::byte> buffer(256);
    writer out(buffer);
    write_header(out, {.durable = true, .priority = 7, .ttl = 1000, .delivery_count = 3});
    out.open_section(section::properties);
    const auto list = out.open_list();
    out.null();
    out.null();
    out.string("where");
    out.close(list, 3);
    out.open_section(section::data);
    out.binary(base::as_bytes("body"));
    buffer.resize(out.size());
    return buffer;
}

TEST(decoding_test, a_message_is_walked_section_by_section) {
    const auto message = sample_message();
    section_reader sections(message);
    const auto header = sections.next();
    ASSERT_TRUE(header);
    EXPECT_EQ(header->kind, section::header);
    const auto fields = read_header(header->value);
    ASSERT_TRUE(fields);
    EXPECT_TRUE(fields->durable);
    EXPECT_EQ(fields->priority, 7);
    EXPECT_EQ(fields->ttl, 1000u);
    EXPECT_FALSE(fields->first_acquirer);
    EXPECT_EQ(fields->delivery_count, 3u);
    const auto properties = sections.next();
    ASSERT_TRUE(properties);
    EXPECT_EQ(read_to(properties->value), "where");
    const auto data = sections.next();
    ASSERT_TRUE(data);
    EXPECT_EQ(data->kind, section::data);
    EXPECT_FALSE(sections.next());
    EXPECT_FALSE(sections.malformed());
}

TEST(decoding_test, a_message_cut_anywhere_inside_a_section_is_malformed) {
    const auto message = sample_message();
    std::vector<std::size_t> whole_ends{0};
    section_reader sections(message);
    while (const auto section = sections.next()) {
        whole_ends.push_back(whole_ends.back() + section->encoded.size());
    }
    for (std::size_t cut = 0; cut < message.size(); ++cut) {
        section_reader cut_sections(base::bytes_view(message).first(cut));
        while (cut_sections.next()) {
        }
        const bool at_end = std::ranges::find(whole_ends, cut) != whole_ends.end();
        EXPECT_EQ(cut_sections.malformed(), !at_end) << cut;
    }
}

TEST(decoding_test, sections_out_of_order_or_repeated_are_malformed) {
    for (const auto& text :
         {"\x00\x53\x75\xa0\x00\x00\x53\x70\x45"s,
          "\x00\x53\x70\x45\x00\x53\x70\x45"s,
          "\x00\x53\x75\xa0\x00\x00\x53\x77\x40"s}) {
        section_reader sections(base::as_bytes(text));
        while (sections.next()) {
        }
        EXPECT_TRUE(sections.malformed());
    }
    const auto two_data = "\x00\x53\x75\xa0\x00\x00\x53\x75\xa0\x00"s;
    section_reader twice(base::as_bytes(two_data));
    EXPECT_TRUE(twice.next());
    EXPECT_TRUE(twice.next());
    EXPECT_FALSE(twice.malformed());
}

TEST(decoding_test, missing_fields_have_their_defaults) {
    const auto header = read_header(base::as_bytes("\x45"));
    ASSERT_TRUE(header);
    EXPECT_FALSE(header->durable);
    EXPECT_FALSE(header->ttl);
    EXPECT_EQ(header->delivery_count, 0u);
    EXPECT_EQ(read_to(base::as_bytes("\x45")), "");
    EXPECT_FALSE(read_header(base::as_bytes("\xc0\x03\x01\x43"s)));
    EXPECT_FALSE(read_to(base::as_bytes("\xa1\x01x")));
}

}  // namespace
}  // namespace pgw::amqp
