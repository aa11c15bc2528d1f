// TLS settings from files, reloaded when the files change.
#pragma once

#include "common/base/file.hpp"
#include "common/net/byte_stream.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

struct ssl_ctx_st;

namespace pgw::net {

enum class tls_role : std::uint8_t { server, client };
enum class peer_verification : std::uint8_t { none, optional, required };

/// Paths of PEM files of at most 1 MiB, or PEM texts in their place, which win. A server needs
/// certificate and key; a client may have them. TLS 1.2 at least.
struct tls_files {
    tls_role role = tls_role::server;
    std::string certificate;  ///< May be empty for a client.
    std::string key;
    std::string ca;  ///< Empty: for a client the system's trust store.
    /// Of a server. A server that verifies needs `ca`. A client always verifies the server and its
    /// name, unless it is told not to.
    peer_verification verification = peer_verification::none;
    std::string certificate_text{};
    std::string key_text{};
    std::string ca_text{};
    bool trust_any_server = false;  ///< Of a client: verifies nothing.
};

/// Holds the current SSL_CTX. Safe to use from several threads; a reload affects new connections
/// only and is all or nothing: when the new files are missing or do not fit together, the old
/// context stays and the error is returned.
class tls_context {
public:
    explicit tls_context(tls_files files);
    ~tls_context();

    /// (Re)loads when a file's identity (device, inode, size, modification time) has changed since
    /// the last successful load, or nothing is loaded. Returns the problem in words, or nullopt.
    std::optional<std::string> reload();
    bool loaded() const;
    /// Counts successful loads: a change tells that new streams differ from older ones.
    std::uint64_t generation() const;
    /// A new TLS stream on `fd` in this context's role. `server_name` (client): SNI and the name
    /// that the certificate must carry among its subject alternative names; an IP address is checked
    /// as such and not sent as SNI. Takes `fd` over only when it returns a stream; nullopt: not loaded, or a client without a name.
    std::optional<byte_stream> open(int fd, const std::string& server_name = {});
    /// The end of validity of the loaded certificate in seconds since the epoch, if there is one.
    std::optional<std::int64_t> certificate_not_after() const;
    const tls_files& files() const noexcept { return files_; }

private:
    std::shared_ptr<ssl_ctx_st> current() const;

    const tls_files files_;
    std::mutex reload_mutex_;  // around reload, so that reading files holds up no connection
    std::vector<base::file_identity> identities_;
    mutable std::mutex mutex_;  // around context_ and generation_
    std::shared_ptr<ssl_ctx_st> context_;
    std::uint64_t generation_ = 0;
};

/// What a verified peer certificate says.
struct peer_certificate {
    std::string common_name;  ///< The first one; empty when there is none or it holds a NUL.
    std::string subject;      ///< RFC 2253.
};
/// After the handshake: nullopt when the stream is plain or the peer has no certificate that was
/// verified.
std::optional<peer_certificate> verified_peer(const byte_stream& stream);

}  // namespace pgw::net
