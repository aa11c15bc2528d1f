// Files for one test.
#pragma once

#include <filesystem>
#include <string>

namespace pgw::test {

/// A directory that goes away with the object.
class temporary_directory {
public:
    temporary_directory();
    ~temporary_directory();
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;

    /// Writes (or replaces) a file, makes its folders, and returns its path.
    std::string write(const std::string& name, const std::string& content) const;
    std::string path(const std::string& name = {}) const { return (directory_ / name).string(); }

private:
    std::filesystem::path directory_;
};

}  // namespace pgw::test
