// accept4 in batches, with the failures that must not spin.
#include "worker/server/acceptor.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace pgw::server {
namespace {

constexpr int batch = 64;
constexpr base::milliseconds pause_time{200};
constexpr base::seconds complaint_interval{10};

}  // namespace

acceptor::acceptor(
    loop& loop,
    int descriptor,
    const shared_listener& listener,
    hooks callbacks,
    server_metrics& metrics,
    base::logger log
)
    : loop_(loop),
      descriptor_(loop.io(), descriptor),
      listener_(listener),
      hooks_(std::move(callbacks)),
      metrics_(metrics),
      log_(std::move(log)) {}

acceptor::~acceptor() = default;

void acceptor::start() {
    wait();
}

void acceptor::stop() {
    loop_.wheel().cancel(*this);
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

void acceptor::resume() {
    if (!held_ || !descriptor_.is_open()) return;
    held_ = false;
    wait();
}

void acceptor::on_timer(base::time_point) {
    wait();
}

void acceptor::wait() {
    if (waiting_ || !descriptor_.is_open()) return;
    waiting_ = true;
    descriptor_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this](const boost::system::error_code& error) {
            // A closed acceptor may be gone already.
            if (error) return;
            waiting_ = false;
            loop_.time().refresh();
            accept();
        }
    );
}

void acceptor::accept() {
    for (int i = 0; i < batch; ++i) {
        if (!hooks_.may_accept()) {
            held_ = true;
            return;
        }
        const int fd =
            accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            // The peer gave up while it was in the backlog: the next one may be fine.
            if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
            metrics_.accept_errors.add();
            pause(std::strerror(errno));
            return;
        }
        if (!hooks_.within_limit()) {
            metrics_.refused_limit.add();
            ::close(fd);
            continue;
        }
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        metrics_.accepted.add();
        if (listener_.tls) {
            auto stream = listener_.tls->open(fd);
            if (!stream) {
                metrics_.tls_failures.add();
                ::close(fd);
                continue;
            }
            hooks_.on_accepted(std::move(*stream), listener_);
        } else {
            hooks_.on_accepted(net::byte_stream(fd), listener_);
        }
    }
    wait();
}

void acceptor::pause(const char* why) {
    const auto now = loop_.time().now;
    if (now - last_complaint_ >= complaint_interval) {
        last_complaint_ = now;
        log_.warn("accepting paused", {{"listener", listener_.name}, {"error", why}});
    }
    loop_.wheel().arm(*this, now + pause_time);
}

}  // namespace pgw::server
