// posix_spawn, one pipe, and a process group of its own to kill.
#include "common/kube/child_process.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

namespace pgw::kube {

namespace asio = boost::asio;

namespace {

using outcome = std::variant<std::string, child_failure>;

constexpr base::milliseconds poll_interval{10};

std::string describe(int code) {
    return std::generic_category().message(code);
}

// Kills and reaps what still runs.
class child {
public:
    explicit child(pid_t pid) : pid_(pid) {}
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    ~child() {
        if (pid_ <= 0) return;
        ::kill(-pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    // Its wait status once it has ended.
    std::optional<int> ended() {
        int status = 0;
        const auto got = ::waitpid(pid_, &status, WNOHANG);
        if (got == 0 || (got < 0 && errno == EINTR)) return std::nullopt;
        pid_ = 0;
        return got < 0 ? -1 : status;
    }

private:
    pid_t pid_;
};

// Shared with the deadline's handler, which may be called after all is over.
struct read_end {
    read_end(const asio::any_io_executor& loop, int fd) : descriptor(loop, fd) {}

    asio::posix::stream_descriptor descriptor;
    bool late = false;
};

std::vector<std::string> environment_of(const child_command& command) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto name = text.substr(0, text.find('='));
        bool replaced = false;
        for (const auto& added : command.environment) replaced |= added.first == name;
        if (!replaced) all.emplace_back(text);
    }
    for (const auto& [name, value] : command.environment) all.push_back(name + "=" + value);
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> all;
    all.reserve(texts.size() + 1);
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

// The error number; 0: it runs.
int spawn(const child_command& command, int output, pid_t& pid) {
    std::vector<std::string> arguments{command.program};
    arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
    auto environment = environment_of(command);
    const auto argv = pointers_to(arguments);
    const auto envp = pointers_to(environment);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);

    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    );
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGCHLD);
    posix_spawnattr_setsigdefault(&attributes, &defaults);

    const int code = ::posix_spawnp(
        &pid, command.program.c_str(), &actions, &attributes, argv.data(), envp.data()
    );
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

child_failure failure_of(int status) {
    if (status == -1) return {"how it ended is not known"};
    if (WIFSIGNALED(status)) return {"was killed by signal " + std::to_string(WTERMSIG(status))};
    return {"ended with status " + std::to_string(WEXITSTATUS(status))};
}

}  // namespace

asio::awaitable<outcome> run_child(child_command command) {
    const auto loop = co_await asio::this_coro::executor;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) co_return child_failure{describe(errno)};
    const auto output_end = std::make_shared<read_end>(loop, ends[0]);
    pid_t pid = 0;
    const int code = spawn(command, ends[1], pid);
    ::close(ends[1]);
    if (code != 0) co_return child_failure{describe(code), code == ENOENT};
    child running(pid);

    asio::steady_timer deadline(loop, command.deadline);
    deadline.async_wait([output_end](boost::system::error_code failed) {
        if (failed) return;
        output_end->late = true;
        output_end->descriptor.cancel();
    });
    std::string output;
    std::array<char, std::size_t{16} << 10> buffer;
    for (;;) {
        const auto [failed, size] = co_await output_end->descriptor.async_read_some(
            asio::buffer(buffer), asio::as_tuple(asio::use_awaitable)
        );
        if (failed) break;
        output.append(buffer.data(), size);
        if (output.size() > command.max_output) co_return child_failure{"writes too much"};
    }
    asio::steady_timer pause(loop);
    while (!output_end->late) {
        if (const auto status = running.ended()) {
            if (*status == 0) co_return std::move(output);
            co_return failure_of(*status);
        }
        pause.expires_after(poll_interval);
        co_await pause.async_wait(asio::use_awaitable);
    }
    co_return child_failure{"did not end in time"};
}

}  // namespace pgw::kube
