// The manifest as a file: reading it, and noticing that it is another one.
#pragma once

#include <string>
#include <string_view>

namespace pgw::server {

/// Reads a file, or standard input for "-", at most a little more than a manifest may hold: the
/// reader refuses what is too long. False: errno says why.
bool read_manifest_file(const std::string& path, std::string& text);

/// XXH64, seed 0, as 16 lower-case hexadecimal digits: how /status names a configuration.
std::string manifest_hash(std::string_view text);

/// What tells whether a path names another file than before, or one with other content: device,
/// inode, size, modification time. Empty when there is none.
std::string file_identity(const std::string& path);

}  // namespace pgw::server
