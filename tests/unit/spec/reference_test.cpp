// docs/configuration.md holds the reference that the field tables generate. Run this program with
// PGW_UPDATE=1 to write it.
#include "common/spec/read.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace {

const std::string path = PGW_SOURCE_DIR "/docs/configuration.md";
const std::string begin_mark = "<!-- reference: begin -->\n";
const std::string end_mark = "<!-- reference: end -->\n";

TEST(reference, in_the_documentation_is_the_generated_one) {
    std::ifstream file(path, std::ios::binary);
    const std::string page{std::istreambuf_iterator<char>(file), {}};
    const auto begin = page.find(begin_mark);
    const auto end = page.find(end_mark);
    ASSERT_NE(begin, std::string::npos);
    ASSERT_NE(end, std::string::npos);
    const auto expected = page.substr(0, begin + begin_mark.size()) +
                          pgw::spec::reference_markdown() + page.substr(end);
    if (std::getenv("PGW_UPDATE") != nullptr) {
        std::ofstream(path, std::ios::binary) << expected;
        GTEST_SKIP() << "written";
    }
    EXPECT_EQ(page, expected) << "run spec_test with PGW_UPDATE=1";
}

TEST(reference, has_paths_defaults_and_values) {
    const auto text = pgw::spec::reference_markdown();
    EXPECT_THAT(
        text, testing::HasSubstr("| `spec.listeners[].tls.clientAuth.mode` | enum | `None` |")
    );
    EXPECT_THAT(
        text, testing::HasSubstr("| `spec.limits.maxPacketSize` | size, 256..268435455 | `256Ki` |")
    );
    EXPECT_THAT(text, testing::HasSubstr("| `spec.shards` | integer, 0..256 | `1` |"));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("managedFields")));
}

}  // namespace
