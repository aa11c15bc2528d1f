// A non-blocking byte stream over a connected socket, plain or TLS. It does no waiting: the owner
// waits for readiness and calls again.
//
// TLS runs OpenSSL directly on the descriptor, with buffers released while idle, so that an idle
// connection costs what OpenSSL itself keeps and nothing more. A stream belongs to one thread at a
// time and may be moved to another between calls. Writing to a peer that is gone is `failed`, never
// a SIGPIPE.
#pragma once

#include "common/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct ssl_st;

namespace pgw::net {

enum class io_status : std::uint8_t {
    ok,          ///< `transferred` bytes were moved (at least 1).
    want_read,   ///< Nothing moved; call again when the socket is readable.
    want_write,  ///< Nothing moved; call again when the socket is writable.
    closed,      ///< The peer closed: EOF or close_notify. Both protocols above frame their own
                 ///< end, so an EOF without close_notify is no truncation attack.
    failed,      ///< Broken; `error_text()` says why.
};

struct io_result {
    io_status status;
    std::size_t transferred = 0;
};

/// Owns the descriptor and, with TLS, the SSL object.
class byte_stream {
public:
    byte_stream() = default;
    explicit byte_stream(int fd) noexcept
        : fd_(fd) {}  ///< Plain. `fd` is connected and non-blocking.
    byte_stream(
        int fd, ssl_st* ssl
    ) noexcept;  ///< TLS; takes ownership of `ssl`, which has its role and settings.
    byte_stream(byte_stream&& other) noexcept;
    byte_stream& operator=(byte_stream&& other) noexcept;
    ~byte_stream();

    /// TLS: drives the handshake, ok (with nothing transferred) when done. Plain: ok at once.
    io_result handshake();
    /// Reads what is there, with TLS at most one record: see has_pending. `buffer` is not empty.
    io_result read(std::span<std::byte> buffer);
    /// Writes a prefix of `bytes`; ok with nothing transferred for no bytes. After want_read or
    /// want_write the next call must begin with the same bytes and hold at least as many.
    io_result write(base::bytes_view bytes);
    /// TLS: bytes that are decrypted already and that no readiness event will announce.
    bool has_pending() const noexcept;
    /// Sends close_notify if TLS; then shuts the sending side down. Does not wait.
    void shutdown() noexcept;

    int fd() const noexcept { return fd_; }
    bool is_tls() const noexcept { return ssl_ != nullptr; }
    ssl_st* ssl() const noexcept { return ssl_; }
    bool open() const noexcept { return fd_ >= 0; }
    void close() noexcept;
    /// What the last `failed` was, in words; empty if there was none.
    std::string error_text() const;

private:
    io_result tls_result(int outcome, std::size_t transferred);
    io_result system_result();

    int fd_ = -1;
    ssl_st* ssl_ = nullptr;
    unsigned long tls_error_ = 0;
    int system_error_ = 0;
    bool tls_broken_ = false;  // after a fatal error OpenSSL must not be asked to shut down
};

}  // namespace pgw::net
