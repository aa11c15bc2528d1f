#include "worker/server/acceptor.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace pgw::server {
namespace {

constexpr int batch = 64;
constexpr base::milliseconds pause_time{200};
constexpr base::seconds complaint_interval{10};

/// From whom a connection comes, as far as it counts for its share of the pending ones.
source source_of(const sockaddr_storage& peer, const shared_listener& listener) {
    source from{.listener = &listener, .address = {}};
    if (peer.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
        std::memcpy(from.address.data(), &v4, sizeof v4);
    } else if (peer.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
        const bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6);
        std::memcpy(from.address.data(), v6.s6_addr, is_v4 ? 16 : 8);
    }
    return from;
}

}  // namespace

acceptor::acceptor(
    loop& loop,
    accepting_host& host,
    int descriptor,
    const shared_listener& listener,
    std::uint64_t descriptors,
    server_metrics& metrics,
    base::logger log
)
    : loop_(loop),
      host_(host),
      descriptor_(loop.io(), descriptor),
      listener_(listener),
      descriptors_(descriptors),
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
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        int fd = accept4(
            descriptor_.native_handle(),
            reinterpret_cast<sockaddr*>(&peer),
            &size,
            SOCK_NONBLOCK | SOCK_CLOEXEC
        );
        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            // The peer gave up while it was in the backlog: the next one may be fine.
            if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
            metrics_.accept_errors.add();
            return pause(std::strerror(errno));
        }
        if (std::uint64_t(fd) >= descriptors_) fd = within_share(fd);
        if (fd < 0) {
            metrics_.refused_descriptors.add();
            return pause("no descriptors left for devices");
        }
        take(fd, source_of(peer, listener_));
    }
    wait();
}

// The kernel gives out the lowest free number, so all that devices may have are taken: whoever has
// proved nothing gives its own to the new connection. Closes it and returns -1 if nobody is left.
int acceptor::within_share(int descriptor) {
    int lower = -1;
    if (host_.evict_pending()) lower = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    ::close(descriptor);
    if (lower >= 0 && std::uint64_t(lower) >= descriptors_) ::close(std::exchange(lower, -1));
    return lower;
}

void acceptor::take(int descriptor, const source& from) {
    if (!host_.make_place()) {
        metrics_.refused_limit.add();
        ::close(descriptor);
        return;
    }
    metrics_.accepted.add();
    if (!listener_.tls) {
        return host_.on_accepted(net::byte_stream(descriptor), listener_, from);
    }
    auto stream = listener_.tls->open(descriptor);
    if (!stream) {
        metrics_.tls_failures.add();
        ::close(descriptor);
        return;
    }
    host_.on_accepted(std::move(*stream), listener_, from);
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
