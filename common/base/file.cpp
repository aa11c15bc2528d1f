#include "common/base/file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace pgw::base {
namespace {

class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    int get() const noexcept { return fd_; }

private:
    int fd_;
};

file_status fault_of(int error) {
    file_status status;
    const bool is_missing = error == ENOENT || error == ENOTDIR;
    status.fault = is_missing ? file_fault::missing : file_fault::unreadable;
    status.problem = std::generic_category().message(error);
    return status;
}

std::string kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a pipe";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

file_status status_of(const struct stat& found) {
    file_status status;
    status.identity = {
        found.st_dev,
        found.st_ino,
        static_cast<std::uint64_t>(found.st_size),
        found.st_mtim.tv_sec,
        found.st_mtim.tv_nsec
    };
    status.read_by_everyone = (found.st_mode & S_IROTH) != 0;
    if (!S_ISREG(found.st_mode)) {
        status.fault = file_fault::not_regular;
        status.problem = "is " + kind_of(found.st_mode) + ", not a regular file";
    }
    return status;
}

void set_too_large(file_text& out, std::size_t limit) {
    constexpr std::size_t kib = 1024;
    constexpr std::size_t mib = kib * kib;
    out.content.clear();
    out.status.fault = file_fault::too_large;
    out.status.problem = "is larger than ";
    if (limit % mib == 0) {
        out.status.problem += std::to_string(limit / mib) + " MiB";
    } else if (limit % kib == 0) {
        out.status.problem += std::to_string(limit / kib) + " KiB";
    } else {
        out.status.problem += std::to_string(limit) + " bytes";
    }
}

// False: nothing came in time.
bool wait_for_input(int fd, int patience_ms) {
    pollfd waits{fd, POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&waits, 1, patience_ms);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

void read_to_the_end(int fd, std::size_t limit, int patience_ms, file_text& out) {
    std::array<char, std::size_t{16} << 10> buffer;
    for (;;) {
        const auto got = ::read(fd, buffer.data(), buffer.size());
        if (got == 0) return;
        if (got > 0) {
            out.content.append(buffer.data(), static_cast<std::size_t>(got));
            // A size of 0 or an older one is no bound: /proc has such files, and others grow.
            if (out.content.size() > limit) return set_too_large(out, limit);
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN && patience_ms > 0) {
            if (wait_for_input(fd, patience_ms)) continue;
            errno = ETIMEDOUT;
        }
        out.content.clear();
        out.status = fault_of(errno);
        return;
    }
}

file_text read(const std::string& path, std::size_t limit, int patience_ms) {
    file_text out;
    // O_NONBLOCK: opening a pipe would wait for its writer. O_NOCTTY: opening a terminal would make
    // it the process's own.
    const descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat found{};
    if (file.get() < 0 || ::fstat(file.get(), &found) != 0) {
        out.status = fault_of(errno);
        return out;
    }
    // Of the descriptor, not of the path, which may name another file by now.
    out.status = status_of(found);
    if (patience_ms > 0 && S_ISFIFO(found.st_mode)) {
        out.status.fault = file_fault::none;
        out.status.problem.clear();
    }
    if (!out.ok()) return out;
    if (out.status.identity.size > limit) {
        set_too_large(out, limit);
    } else {
        read_to_the_end(file.get(), limit, patience_ms, out);
    }
    return out;
}

bool is_given_descriptor(const std::string& path) {
    return path == "/dev/stdin" || path.starts_with("/dev/fd/") ||
           path.starts_with("/proc/self/fd/");
}

}  // namespace

file_status look_at_file(const std::string& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return fault_of(errno);
    auto status = status_of(found);
    if (status.fault == file_fault::none && ::access(path.c_str(), R_OK) != 0) {
        const auto identity = status.identity;
        status = fault_of(errno);
        status.identity = identity;
    }
    return status;
}

file_text read_file(const std::string& path, std::size_t limit) {
    return read(path, limit, 0);
}

file_text read_file_or_pipe(const std::string& path, std::size_t limit, int patience_ms) {
    return read(path, limit, is_given_descriptor(path) ? patience_ms : 0);
}

}  // namespace pgw::base
