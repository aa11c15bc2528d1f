// Streams do not block; threads wait in poll for a little while, so that all of them can be
// stopped.
#include "tests/support/scripted_api_server.hpp"

#include "common/net/byte_stream.hpp"
#include "common/net/tls_context.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <stdexcept>

namespace pgw::test {

namespace {

using net::io_status;

constexpr int poll_milliseconds = 20;

std::shared_ptr<net::tls_context> make_tls(std::string certificate, std::string key) {
    if (certificate.empty()) return nullptr;
    net::tls_files files;
    files.role = net::tls_role::server;
    files.certificate_text = std::move(certificate);
    files.key_text = std::move(key);
    auto made = std::make_shared<net::tls_context>(std::move(files));
    if (const auto problem = made->reload()) throw std::runtime_error(*problem);
    return made;
}

std::string as_chunk(const std::string& body) {
    std::array<char, 24> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", body.size());
    return size.data() + body + "\r\n";
}

}  // namespace

std::string received_request::header(const std::string& name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

scripted_answer& scripted_answer::bytes(std::string raw) {
    steps_.push_back({what::bytes, std::move(raw)});
    return *this;
}

scripted_answer& scripted_answer::answer(
    int status, const std::string& body, const std::string& headers
) {
    return bytes(
        "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
        headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body
    );
}

scripted_answer& scripted_answer::stream() {
    return bytes(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
}

scripted_answer& scripted_answer::chunk(const std::string& body) {
    return bytes(as_chunk(body));
}

scripted_answer& scripted_answer::byte_by_byte(const std::string& body) {
    for (const char c : body) chunk(std::string(1, c));
    return *this;
}

scripted_answer& scripted_answer::end_stream() {
    return bytes("0\r\n\r\n");
}

scripted_answer& scripted_answer::wait_for(std::string gate) {
    steps_.push_back({what::wait, std::move(gate)});
    return *this;
}

scripted_answer& scripted_answer::close() {
    steps_.push_back({what::close, {}});
    return *this;
}

scripted_answer& scripted_answer::reset() {
    steps_.push_back({what::reset, {}});
    return *this;
}

scripted_answer& scripted_answer::silence() {
    steps_.push_back({what::silence, {}});
    return *this;
}

struct scripted_api_server::input {
    net::byte_stream& stream;
    std::string text;
};

scripted_api_server::scripted_api_server(std::string certificate, std::string key)
    : tls_(make_tls(std::move(certificate), std::move(key))) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
        throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
}

scripted_api_server::~scripted_api_server() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
    ::close(listener_);
}

scripted_answer& scripted_api_server::expect(std::string method, std::string target) {
    auto made = std::make_unique<expectation>();
    made->method = std::move(method);
    made->target = std::move(target);
    const std::lock_guard lock(mutex_);
    script_.push_back(std::move(made));
    return script_.back()->answer;
}

void scripted_api_server::release(const std::string& gate) {
    const std::lock_guard lock(mutex_);
    released_.insert(gate);
    changed_.notify_all();
}

void scripted_api_server::identify_as(std::string certificate, std::string key) {
    auto fresh = make_tls(std::move(certificate), std::move(key));
    const std::lock_guard lock(mutex_);
    tls_ = std::move(fresh);
}

bool scripted_api_server::exhausted() const {
    const std::lock_guard lock(mutex_);
    return next_ == script_.size();
}

std::size_t scripted_api_server::connections() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
}

std::vector<received_request> scripted_api_server::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::vector<std::string> scripted_api_server::problems() const {
    const std::lock_guard lock(mutex_);
    return problems_;
}

void scripted_api_server::accept() {
    while (!stopping_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, poll_milliseconds) <= 0) continue;
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) continue;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const std::lock_guard lock(mutex_);
        threads_.emplace_back([this, fd, number = threads_.size() + 1] { serve(fd, number); });
    }
}

// False: the server stops.
bool scripted_api_server::wait(net::byte_stream& stream, short events) {
    while (!stopping_) {
        pollfd waiting{stream.fd(), events, 0};
        if (::poll(&waiting, 1, poll_milliseconds) > 0) return true;
    }
    return false;
}

bool scripted_api_server::write(net::byte_stream& stream, const std::string& text) {
    auto rest = std::as_bytes(std::span(text));
    while (!rest.empty()) {
        const auto done = stream.write(rest);
        if (done.status == io_status::ok) {
            rest = rest.subspan(done.transferred);
        } else if (done.status == io_status::want_read || done.status == io_status::want_write) {
            if (!wait(stream, done.status == io_status::want_read ? POLLIN : POLLOUT)) return false;
        } else {
            return false;
        }
    }
    return true;
}

bool scripted_api_server::read_request(input& from, received_request& request) {
    const auto fill = [&] {
        std::array<std::byte, 16 * 1024> buffer;
        for (;;) {
            const auto done = from.stream.read(buffer);
            if (done.status == io_status::ok) {
                from.text.append(reinterpret_cast<const char*>(buffer.data()), done.transferred);
                return true;
            }
            const bool waits =
                done.status == io_status::want_read || done.status == io_status::want_write;
            if (!waits ||
                !wait(from.stream, done.status == io_status::want_read ? POLLIN : POLLOUT))
                return false;
        }
    };
    std::size_t end = 0;
    while ((end = from.text.find("\r\n\r\n")) == std::string::npos) {
        if (!fill()) return false;
    }
    auto head = from.text.substr(0, end + 2);
    from.text.erase(0, end + 4);
    const auto take = [&head](const std::string& until) {
        const auto at = std::min(head.find(until), head.size());
        auto part = head.substr(0, at);
        head.erase(0, at + until.size());
        return part;
    };
    request.method = take(" ");
    request.target = take(" ");
    take("\r\n");
    while (!head.empty()) {
        auto name = take(": ");
        request.headers.emplace_back(std::move(name), take("\r\n"));
    }
    const auto length = request.header("Content-Length");
    const auto size = length.empty() ? 0 : std::stoul(length);
    while (from.text.size() < size) {
        if (!fill()) return false;
    }
    request.body = from.text.substr(0, size);
    from.text.erase(0, size);
    return true;
}

// Whether the connection lives on.
bool scripted_api_server::carry_out(net::byte_stream& stream, const scripted_answer& answer) {
    using what = scripted_answer::what;
    for (const auto& step : answer.steps_) {
        switch (step.kind) {
            case what::bytes:
                if (!write(stream, step.text)) return false;
                break;
            case what::wait: {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return stopping_ || released_.contains(step.text); });
                if (stopping_) return false;
                break;
            }
            case what::close:
                return false;
            case what::reset: {
                const linger at_once{1, 0};
                ::setsockopt(stream.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
                return false;
            }
            case what::silence: {
                while (wait(stream, POLLIN)) {
                    std::array<std::byte, 1024> ignored;
                    const auto done = stream.read(ignored);
                    if (done.status == io_status::closed || done.status == io_status::failed) break;
                }
                return false;
            }
        }
    }
    return true;
}

net::byte_stream scripted_api_server::open(int fd) {
    std::shared_ptr<net::tls_context> tls;
    {
        const std::lock_guard lock(mutex_);
        tls = tls_;
    }
    if (!tls) return net::byte_stream(fd);
    auto opened = tls->open(fd);
    if (!opened) {
        ::close(fd);
        return {};
    }
    for (;;) {
        const auto done = opened->handshake();
        if (done.status == io_status::ok) return std::move(*opened);
        const bool waits =
            done.status == io_status::want_read || done.status == io_status::want_write;
        if (!waits || !wait(*opened, done.status == io_status::want_read ? POLLIN : POLLOUT)) {
            return {};
        }
    }
}

void scripted_api_server::serve(int fd, std::size_t number) {
    auto stream = open(fd);
    if (!stream.open()) return;
    input from{stream, {}};
    for (;;) {
        received_request request;
        request.connection = number;
        if (!read_request(from, request)) return;
        const scripted_answer* answer = nullptr;
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
            const auto* next = next_ < script_.size() ? script_[next_].get() : nullptr;
            if (next == nullptr || next->method != request.method ||
                request.target.find(next->target) == std::string::npos) {
                problems_.push_back("not expected: " + request.method + " " + request.target);
                return;
            }
            ++next_;
            answer = &next->answer;
        }
        if (!carry_out(stream, *answer)) return;
    }
}

}  // namespace pgw::test
