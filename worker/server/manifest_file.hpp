// The manifest as a file: reading it, and noticing that it is another one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgw::server {

/// Reads a file, or standard input for "-", at most a little more than a manifest may hold: the
/// reader refuses what is too long. False: errno says why.
bool read_manifest_file(const std::string& path, std::string& text);

/// XXH64, seed 0, as 16 lower-case hexadecimal digits: how /status names a configuration.
std::string manifest_hash(std::string_view text);

/// What tells whether a path names another file than before, or one with other content.
struct file_identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;  ///< 0: there is no file.
    std::uint64_t size = 0;
    std::int64_t seconds = 0;  ///< Of the last modification.
    std::int64_t nanoseconds = 0;

    bool operator==(const file_identity&) const = default;
};

file_identity identify(const std::string& path) noexcept;

}  // namespace pgw::server
