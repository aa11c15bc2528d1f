// An MQTT 3.1.1 client connection of the load generator.
#include "tests/bench/mqtt_connection.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace pgw::bench {

namespace {

/// As recv and send, on either kind of stream: -1 with EAGAIN when it would block.
ssize_t tls_result(SSL* tls, int result) {
    if (result > 0) return result;
    const int error = SSL_get_error(tls, result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

ssize_t receive(int descriptor, SSL* tls, char* data, std::size_t size) {
    if (tls == nullptr) return recv(descriptor, data, size, 0);
    return tls_result(tls, SSL_read(tls, data, static_cast<int>(size)));
}

ssize_t transmit(int descriptor, SSL* tls, const char* data, std::size_t size) {
    if (tls == nullptr) return send(descriptor, data, size, MSG_NOSIGNAL);
    return tls_result(tls, SSL_write(tls, data, static_cast<int>(size)));
}

}  // namespace

mqtt_connection::mqtt_connection(connection_context& context, std::string client_id)
    : context_(context), client_id_(std::move(client_id)) {}

mqtt_connection::~mqtt_connection() {
    close_socket();
}

void mqtt_connection::start() {
    descriptor_ = start_connect(context_.host, context_.port);
    phase_ = phase::connecting;
    watching_writable_ = true;
    context_.loop.add(descriptor_, EPOLLIN | EPOLLOUT, *this);
}

void mqtt_connection::disconnect() {
    output_.insert(output_.end(), {'\xe0', '\0'});
    mark_dirty();
}

void mqtt_connection::close_socket() {
    if (descriptor_ < 0) return;
    context_.loop.remove(descriptor_, *this);
    SSL_free(std::exchange(tls_, nullptr));
    // A reset instead of an orderly close leaves no TIME_WAIT entry: churn runs out of ports else.
    const linger reset{1, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(std::exchange(descriptor_, -1));
    phase_ = phase::closed;
    partial_.clear();
    output_.clear();
    written_ = 0;
}

void mqtt_connection::watch_writable(bool wanted) {
    if (std::exchange(watching_writable_, wanted) == wanted) return;
    context_.loop.modify(descriptor_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
}

void mqtt_connection::mark_dirty() {
    if (!std::exchange(dirty_, true)) context_.dirty.push_back(this);
}

void mqtt_connection::on_ready(std::uint32_t events) {
    if (phase_ == phase::connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            close_socket();
            on_closed();
            return;
        }
        handshake();
        return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
    if (descriptor_ >= 0 && (events & EPOLLOUT) != 0 && flush()) on_writable();
}

void mqtt_connection::handshake() {
    if (context_.tls != nullptr) {
        if (tls_ == nullptr) {
            tls_ = SSL_new(context_.tls);
            SSL_set_fd(tls_, descriptor_);
        }
        const int result = SSL_connect(tls_);
        if (result != 1) {
            const int error = SSL_get_error(tls_, result);
            if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
                watch_writable(error == SSL_ERROR_WANT_WRITE);
                return;
            }
            close_socket();
            on_closed();
            return;
        }
    }
    introduce();
}

void mqtt_connection::introduce() {
    phase_ = phase::introducing;
    const auto length = client_id_.size();
    // Clean session, keep-alive 600 s.
    const char head[] = {
        0x10,
        static_cast<char>(12 + length),
        0,
        4,
        'M',
        'Q',
        'T',
        'T',
        4,
        2,
        600 >> 8,
        static_cast<char>(600 & 0xff),
        static_cast<char>(length >> 8),
        static_cast<char>(length)
    };
    output_.insert(output_.end(), std::begin(head), std::end(head));
    output_.insert(output_.end(), client_id_.begin(), client_id_.end());
    mark_dirty();
}

bool mqtt_connection::flush() {
    dirty_ = false;
    if (descriptor_ < 0) return false;
    while (written_ < output_.size()) {
        const ssize_t sent =
            transmit(descriptor_, tls_, output_.data() + written_, output_.size() - written_);
        if (sent < 0 && errno == EAGAIN) {
            watch_writable(true);
            return false;
        }
        if (sent <= 0) {
            close_socket();
            on_closed();
            return false;
        }
        written_ += static_cast<std::size_t>(sent);
    }
    output_.clear();
    written_ = 0;
    watch_writable(false);
    return true;
}

void mqtt_connection::read() {
    auto& scratch = context_.scratch;
    const std::size_t kept = partial_.size();
    std::memcpy(scratch.data(), partial_.data(), kept);
    const ssize_t got = receive(descriptor_, tls_, scratch.data() + kept, scratch.size() - kept);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close_socket();
        on_closed();
        return;
    }
    const std::span<const char> data(scratch.data(), kept + static_cast<std::size_t>(got));
    const std::size_t used = parse(data);
    if (descriptor_ < 0) return;
    partial_.assign(data.begin() + static_cast<std::ptrdiff_t>(used), data.end());
}

std::size_t mqtt_connection::parse(std::span<const char> data) {
    std::size_t at = 0;
    while (data.size() - at >= 2 && descriptor_ >= 0) {
        std::size_t body = at + 1;
        std::size_t length = 0;
        bool complete = false;
        for (unsigned shift = 0; body < data.size() && shift < 28 && !complete; shift += 7) {
            const auto octet = static_cast<unsigned char>(data[body++]);
            length |= static_cast<std::size_t>(octet & 127u) << shift;
            complete = (octet & 128u) == 0;
        }
        if (!complete || data.size() - body < length) break;
        const auto first = static_cast<std::uint8_t>(data[at]);
        const auto content = data.subspan(body, length);
        if (phase_ == phase::introducing) {
            if (first != 0x20 || length != 2 || content[1] != 0) {
                close_socket();
                on_closed();
                return at;
            }
            phase_ = phase::connected;
            on_connected();
        } else {
            on_packet(first, content);
        }
        at = body + length;
    }
    return at;
}

}  // namespace pgw::bench
