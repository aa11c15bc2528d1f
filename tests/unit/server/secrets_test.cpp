// Secret files and what is said when they are not there.
#include "worker/server/secrets.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

class secrets : public ::testing::Test {
protected:
    void SetUp() override { std::filesystem::create_directories(directory_ / "bus"); }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    void put(const char* key, const std::string& text) {
        std::ofstream(directory_ / "bus" / key, std::ios::binary) << text;
    }
    std::string failure(const pgw::server::secrets& files, const char* key) {
        try {
            files.read("bus", key, "upstream 'bus' sasl");
        } catch (const pgw::server::secret_error& error) {
            return error.what();
        }
        return "no error";
    }
    std::filesystem::path directory_ =
        std::filesystem::temp_directory_path() /
        ("pgw-secrets-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
         std::to_string(::getpid()));
};

TEST_F(secrets, one_trailing_newline_is_not_part_of_the_value) {
    put("password", "s3cret \n");
    EXPECT_EQ(pgw::server::secrets(directory_).read("bus", "password", "f"), "s3cret ");
}

TEST_F(secrets, a_missing_key_names_the_file_and_the_field) {
    const auto text = failure(pgw::server::secrets(directory_), "username");
    EXPECT_NE(text.find("upstream 'bus' sasl"), std::string::npos) << text;
    EXPECT_NE(text.find("bus/username"), std::string::npos) << text;
}

TEST_F(secrets, without_a_directory_the_option_is_named) {
    const auto text = failure(pgw::server::secrets(""), "username");
    EXPECT_NE(text.find("--secrets-dir"), std::string::npos) << text;
}

TEST_F(secrets, a_huge_file_is_refused) {
    put("password", std::string(70'000, 'x'));
    const auto text = failure(pgw::server::secrets(directory_), "password");
    EXPECT_NE(text.find("larger than 64 kB"), std::string::npos) << text;
}

}  // namespace
