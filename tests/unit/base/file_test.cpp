// What may stand where a user names a file.
#include "common/base/file.hpp"

#include "tests/support/temporary_directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace pgw::base {
namespace {

struct file_test : testing::Test {
    test::temporary_directory folder;
};

TEST_F(file_test, its_content_is_read_whole_up_to_the_limit) {
    folder.write("f", std::string("a\0b\r\n", 5));
    const auto read = read_file(folder.path("f"), 5);
    EXPECT_TRUE(read.ok());
    EXPECT_EQ(read.content, std::string("a\0b\r\n", 5));
    EXPECT_EQ(read.status.identity.size, 5u);
    EXPECT_EQ(read.status.problem, "");
    folder.write("empty", "");
    EXPECT_TRUE(read_file(folder.path("empty"), 0).ok());
}

TEST_F(file_test, a_larger_one_is_not_read) {
    folder.write("f", std::string(2049, 'x'));
    const auto read = read_file(folder.path("f"), 2048);
    EXPECT_EQ(read.status.fault, file_fault::too_large);
    EXPECT_EQ(read.status.problem, "is larger than 2 KiB");
    EXPECT_EQ(read.content, "");
    // Sparse, so that only its size is large.
    std::filesystem::resize_file(folder.path("f"), std::uintmax_t{1} << 40);
    EXPECT_EQ(read_file(folder.path("f"), 1 << 20).status.problem, "is larger than 1 MiB");
}

TEST_F(file_test, one_that_says_it_is_empty_is_bounded_too) {
    EXPECT_EQ(read_file("/proc/self/maps", 10).status.problem, "is larger than 10 bytes");
    EXPECT_FALSE(read_file("/proc/self/maps", 1 << 20).content.empty());
}

TEST_F(file_test, what_is_not_a_file_is_refused_at_once) {
    ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
    std::filesystem::create_symlink("pipe", folder.path("link"));
    std::filesystem::create_directory(folder.path("directory"));
    const std::pair<std::string, std::string> rows[] = {
        {folder.path("pipe"), "is a pipe, not a regular file"},
        {folder.path("link"), "is a pipe, not a regular file"},
        {folder.path("directory"), "is a directory, not a regular file"},
        {"/dev/zero", "is a device, not a regular file"},
    };
    for (const auto& [path, problem] : rows) {
        for (const auto& read : {read_file(path, 100), read_file_or_pipe(path, 100)}) {
            EXPECT_EQ(read.status.fault, file_fault::not_regular) << path;
            EXPECT_EQ(read.status.problem, problem) << path;
        }
        EXPECT_EQ(look_at_file(path).problem, problem) << path;
    }
}

TEST_F(file_test, missing_ones_are_not_found) {
    folder.write("f", "x");
    std::filesystem::create_symlink("nowhere", folder.path("dangling"));
    for (const auto* name : {"missing", "f/below", "dangling"}) {
        EXPECT_EQ(read_file(folder.path(name), 1).status.fault, file_fault::missing) << name;
        EXPECT_EQ(look_at_file(folder.path(name)).fault, file_fault::missing) << name;
    }
    std::filesystem::create_symlink("loop", folder.path("loop"));
    EXPECT_EQ(read_file(folder.path("loop"), 1).status.fault, file_fault::unreadable);
}

TEST_F(file_test, its_mode_and_identity_are_told) {
    folder.write("f", "x");
    ::chmod(folder.path("f").c_str(), 0640);
    EXPECT_FALSE(look_at_file(folder.path("f")).read_by_everyone);
    ::chmod(folder.path("f").c_str(), 0644);
    EXPECT_TRUE(look_at_file(folder.path("f")).read_by_everyone);
    const auto before = look_at_file(folder.path("f")).identity;
    EXPECT_EQ(read_file(folder.path("f"), 9).status.identity, before);
    folder.write("g", "y");
    std::filesystem::rename(folder.path("g"), folder.path("f"));
    EXPECT_NE(look_at_file(folder.path("f")).identity, before);
    EXPECT_EQ(look_at_file(folder.path("missing")).identity, file_identity{});
}

TEST_F(file_test, a_pipe_that_the_process_was_given_is_read_to_its_end) {
    std::array<int, 2> ends;
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::write(ends[1], "text", 4), 4);
    const auto path = "/dev/fd/" + std::to_string(ends[0]);
    EXPECT_EQ(read_file(path, 100).status.fault, file_fault::not_regular);
    EXPECT_EQ(read_file_or_pipe(path, 100, 1).status.fault, file_fault::unreadable)
        << "its writer is there and silent";
    ASSERT_EQ(::write(ends[1], "text", 4), 4);
    ::close(ends[1]);
    EXPECT_EQ(read_file_or_pipe(path, 100).content, "text");
    ::close(ends[0]);
}

}  // namespace
}  // namespace pgw::base
