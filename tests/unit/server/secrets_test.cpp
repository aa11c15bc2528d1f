// Secret files and what is said when they are not there.
#include "worker/server/secrets.hpp"

#include "tests/support/certificates.hpp"

#include <gtest/gtest.h>

namespace pgw::server {
namespace {

class secrets_test : public ::testing::Test {
protected:
    test::temporary_directory folder;
    secrets files{folder.path()};
};

TEST_F(secrets_test, one_trailing_newline_is_not_part_of_the_value) {
    folder.write("bus/password", "s3cret \n");
    EXPECT_EQ(files.read("bus", "password").text, "s3cret ");
    EXPECT_EQ(files.read("bus", "password").problem, "");
    EXPECT_EQ(files.problem("bus", "password"), "");
}

TEST_F(secrets_test, a_missing_secret_or_key_is_not_found) {
    EXPECT_EQ(files.read("bus", "username").problem, "not found");
    folder.write("bus/password", "x");
    EXPECT_EQ(files.read("bus", "username").problem, "not found");
    EXPECT_EQ(files.problem("bus", "username"), "not found");
}

TEST_F(secrets_test, without_a_directory_the_option_is_named) {
    const secrets nowhere("");
    EXPECT_NE(nowhere.read("bus", "username").problem.find("--secrets-dir"), std::string::npos);
    EXPECT_NE(nowhere.problem("bus", "username").find("--secrets-dir"), std::string::npos);
}

TEST_F(secrets_test, a_huge_file_is_refused) {
    folder.write("bus/password", std::string(70'000, 'x'));
    EXPECT_EQ(files.read("bus", "password").problem, "larger than 64 kB");
    EXPECT_EQ(files.read("bus", "password").text, "");
}

TEST_F(secrets_test, a_directory_is_no_value) {
    folder.write("bus/password/x", "x");
    EXPECT_NE(files.read("bus", "password").problem, "");
}

}  // namespace
}  // namespace pgw::server
