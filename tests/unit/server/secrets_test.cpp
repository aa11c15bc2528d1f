// Secret files and what is said when they are not there.
#include "worker/server/secrets.hpp"

#include "tests/support/certificates.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

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

TEST_F(secrets_test, nor_is_the_line_end_of_an_editor_on_windows) {
    folder.write("bus/password", "s3cret\r\n");
    EXPECT_EQ(files.read("bus", "password").text, "s3cret");
    for (const auto* kept : {"s3cret\r", "s3cret\n\r"}) {
        folder.write("bus/password", kept);
        EXPECT_EQ(files.read("bus", "password").text, kept);
    }
    folder.write("bus/password", "s3cret\n\r\n");
    EXPECT_EQ(files.read("bus", "password").text, "s3cret\n");
}

TEST_F(secrets_test, a_pipe_is_refused_and_not_waited_for) {
    folder.write("bus/username", "x");
    ASSERT_EQ(::mkfifo(folder.path("bus/password").c_str(), 0600), 0);
    EXPECT_EQ(files.read("bus", "password").problem, "is a pipe, not a regular file");
    EXPECT_EQ(files.problem("bus", "password"), "is a pipe, not a regular file");
}

TEST_F(secrets_test, what_everybody_can_read_is_weak_unless_it_was_mounted_for_a_container) {
    folder.write("bus/password", "x");
    ASSERT_EQ(::chmod(folder.path("bus/password").c_str(), 0640), 0);
    EXPECT_EQ(files.weakness("bus", "password"), "");
    ASSERT_EQ(::chmod(folder.path("bus/password").c_str(), 0644), 0);
    EXPECT_EQ(files.weakness("bus", "password"), "every user of this machine can read it");
    EXPECT_EQ(files.weakness("bus", "missing"), "");

    folder.write("pod/..1/password", "x");
    std::filesystem::create_symlink("..1", folder.path("pod/..data"));
    std::filesystem::create_symlink("..data/password", folder.path("pod/password"));
    ASSERT_EQ(::chmod(folder.path("pod/..1/password").c_str(), 0644), 0);
    EXPECT_EQ(files.weakness("pod", "password"), "");
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
    EXPECT_EQ(files.read("bus", "password").problem, "is larger than 64 KiB");
    EXPECT_EQ(files.read("bus", "password").text, "");
}

TEST_F(secrets_test, a_directory_is_no_value) {
    folder.write("bus/password/x", "x");
    EXPECT_NE(files.read("bus", "password").problem, "");
}

}  // namespace
}  // namespace pgw::server
