// The manifest as a file: reading it, and naming what was read.
#pragma once

#include "common/base/file.hpp"

#include <string>
#include <string_view>

namespace pgw::server {

/// Reads a regular file of at most as much as a manifest may hold.
base::file_text read_manifest_file(const std::string& path);

/// The same for a path of the command line, which may also be "-", standard input, or a pipe that
/// the process was given.
base::file_text read_first_manifest(const std::string& path);

/// XXH64, seed 0, as 16 lower-case hexadecimal digits: how /status names a configuration.
std::string manifest_hash(std::string_view text);

}  // namespace pgw::server
