// A source/sink BIO over recv and send.
#include "common/net/socket_bio.hpp"

#include <openssl/bio.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace pgw::net {

namespace {

int fd_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_transient(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int read_socket(BIO* bio, char* buffer, int length) {
    BIO_clear_retry_flags(bio);
    BIO_clear_flags(bio, BIO_FLAGS_IN_EOF);
    const auto n = ::recv(fd_of(bio), buffer, static_cast<std::size_t>(length), 0);
    if (n < 0 && is_transient(errno)) BIO_set_retry_read(bio);
    if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(n);
}

int write_socket(BIO* bio, const char* buffer, int length) {
    BIO_clear_retry_flags(bio);
    const auto n = ::send(fd_of(bio), buffer, static_cast<std::size_t>(length), MSG_NOSIGNAL);
    if (n < 0 && is_transient(errno)) BIO_set_retry_write(bio);
    return static_cast<int>(n);
}

long control(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
        default:
            return 0;
    }
}

BIO_METHOD* make_method() {
    auto* const method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    if (method == nullptr) return nullptr;
    BIO_meth_set_read(method, read_socket);
    BIO_meth_set_write(method, write_socket);
    BIO_meth_set_ctrl(method, control);
    return method;
}

}  // namespace

bio_st* make_socket_bio(int fd) {
    static const BIO_METHOD* const method = make_method();
    if (method == nullptr) return nullptr;
    auto* const bio = BIO_new(method);
    if (bio == nullptr) return nullptr;
    // The descriptor stands in for a pointer, so that the BIO owns no memory of its own.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    BIO_set_init(bio, 1);
    return bio;
}

}  // namespace pgw::net
