// Reading the files that a user names: manifests, secrets, certificates, tokens, kubeconfigs.
//
// What stands at a path is not ours to choose: a named pipe without a writer would stop the thread
// that opens it, a device never ends, and a file may be larger than the memory. All of them are an
// error in words here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace pgw::base {

/// What tells whether a path names another file than before, or one with other content.
struct file_identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;  ///< 0: there is no file.
    std::uint64_t size = 0;
    std::int64_t seconds = 0;  ///< Of the last modification.
    std::int64_t nanoseconds = 0;

    bool operator==(const file_identity&) const = default;
};

enum class file_fault : std::uint8_t {
    none,
    missing,      ///< There is nothing at the path.
    not_regular,  ///< A directory, a pipe, a device, a socket.
    too_large,
    unreadable,  ///< No permission, most likely.
};

struct file_status {
    file_identity identity{};
    bool read_by_everyone = false;  ///< The mode lets every user of the machine read it.
    file_fault fault = file_fault::none;
    std::string problem{};  ///< In words, without the path; empty without a fault.
};

/// Without opening it: whether a regular file is there and may be read.
file_status look_at_file(const std::string& path);

struct file_text {
    std::string content;
    file_status status;

    bool ok() const noexcept { return status.fault == file_fault::none; }
};

/// The whole of a regular file of at most `limit` bytes. Never waits for anything but the disk.
file_text read_file(const std::string& path, std::size_t limit);

/// The same, and where the path names a descriptor that the process was given (/dev/stdin,
/// /dev/fd/N), also a pipe, which is waited for until its end comes: for what is read once, at the
/// start, such as a shell's `<(command)`. `patience_ms` bounds each wait.
file_text read_file_or_pipe(const std::string& path, std::size_t limit, int patience_ms = 10'000);

}  // namespace pgw::base
