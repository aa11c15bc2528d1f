// Plain and TLS bytes on a non-blocking socket.
#include "common/net/byte_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace pgw::net {

namespace {

// The identity is the leaf certificate, which the session keeps; the rest of the chain has done its
// work once the handshake is over and would stay for the connection's life.
void drop_peer_chain(SSL* ssl) {
    auto* const chain = SSL_get_peer_cert_chain(ssl);
    if (chain == nullptr) return;
    while (sk_X509_num(chain) > 0) X509_free(sk_X509_pop(chain));
}

}  // namespace

byte_stream::byte_stream(int fd, ssl_st* ssl) noexcept : fd_(fd), ssl_(ssl) {}

byte_stream::byte_stream(byte_stream&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      tls_error_(other.tls_error_),
      system_error_(other.system_error_),
      tls_broken_(other.tls_broken_) {}

byte_stream& byte_stream::operator=(byte_stream&& other) noexcept {
    if (this == &other) return *this;
    close();
    fd_ = std::exchange(other.fd_, -1);
    ssl_ = std::exchange(other.ssl_, nullptr);
    tls_error_ = other.tls_error_;
    system_error_ = other.system_error_;
    tls_broken_ = other.tls_broken_;
    return *this;
}

byte_stream::~byte_stream() {
    close();
}

void byte_stream::close() noexcept {
    if (ssl_ != nullptr) SSL_free(std::exchange(ssl_, nullptr));
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

io_result byte_stream::system_result() {
    system_error_ = errno;
    return {io_status::failed};
}

io_result byte_stream::tls_result(int outcome, std::size_t transferred) {
    if (outcome == 1) return {io_status::ok, transferred};
    const int error_number = errno;
    switch (SSL_get_error(ssl_, outcome)) {
        case SSL_ERROR_WANT_READ:
            return {io_status::want_read};
        case SSL_ERROR_WANT_WRITE:
            return {io_status::want_write};
        case SSL_ERROR_ZERO_RETURN:
            return {io_status::closed};
        case SSL_ERROR_SYSCALL:
            system_error_ = error_number;
            break;
        default:
            tls_error_ = ERR_peek_error();
            break;
    }
    tls_broken_ = true;
    ERR_clear_error();
    return {io_status::failed};
}

io_result byte_stream::handshake() {
    if (ssl_ == nullptr) return {io_status::ok};
    ERR_clear_error();
    const auto result = tls_result(SSL_do_handshake(ssl_), 0);
    if (result.status == io_status::ok) drop_peer_chain(ssl_);
    return result;
}

io_result byte_stream::read(std::span<std::byte> buffer) {
    if (ssl_ != nullptr) {
        ERR_clear_error();
        std::size_t transferred = 0;
        const int outcome = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &transferred);
        return tls_result(outcome, transferred);
    }
    for (;;) {
        const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (n > 0) return {io_status::ok, static_cast<std::size_t>(n)};
        if (n == 0) return {io_status::closed};
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {io_status::want_read};
        return system_result();
    }
}

io_result byte_stream::write(base::bytes_view bytes) {
    if (bytes.empty()) return {io_status::ok};
    if (ssl_ != nullptr) {
        ERR_clear_error();
        std::size_t transferred = 0;
        const int outcome = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &transferred);
        return tls_result(outcome, transferred);
    }
    for (;;) {
        const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n >= 0) return {io_status::ok, static_cast<std::size_t>(n)};
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {io_status::want_write};
        return system_result();
    }
}

bool byte_stream::has_pending() const noexcept {
    return ssl_ != nullptr && SSL_pending(ssl_) > 0;
}

void byte_stream::shutdown() noexcept {
    if (ssl_ != nullptr && !tls_broken_ && SSL_is_init_finished(ssl_) != 0) {
        ERR_clear_error();
        // One attempt: the peer may be gone or its window full, and nobody waits for its answer.
        if (SSL_shutdown(ssl_) < 0) ERR_clear_error();
    }
    if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

std::string byte_stream::error_text() const {
    if (tls_error_ != 0) {
        const auto* const reason = ERR_reason_error_string(tls_error_);
        std::string text = reason != nullptr ? reason : "TLS error " + std::to_string(tls_error_);
        if (ssl_ != nullptr && ERR_GET_REASON(tls_error_) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            text += ": ";
            text += X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
        }
        return text;
    }
    if (system_error_ != 0) return std::generic_category().message(system_error_);
    return tls_broken_ ? "TLS stream broken" : std::string();
}

}  // namespace pgw::net
