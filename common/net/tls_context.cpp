// Builds SSL_CTX objects from files and makes streams from them.
#include "common/net/tls_context.hpp"

#include "common/net/socket_bio.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

namespace pgw::net {

namespace {

using context_ptr = std::shared_ptr<SSL_CTX>;

struct load_failure {
    std::string text;
};

std::string openssl_reason() {
    const auto error = ERR_peek_last_error();
    const auto* const reason = ERR_reason_error_string(error);
    std::string text = reason != nullptr ? reason : "unknown OpenSSL error";
    ERR_clear_error();
    return text;
}

[[noreturn]] void fail(const std::string& what) {
    throw load_failure{what + ": " + openssl_reason()};
}

// What tells whether a path names another file than before, or one with other content.
std::string identity_of(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        throw load_failure{path + ": " + std::generic_category().message(errno)};
    }
    if (!S_ISREG(status.st_mode)) throw load_failure{path + ": is not a regular file"};
    std::string identity = path;
    for (const auto part :
         {static_cast<long long>(status.st_dev),
          static_cast<long long>(status.st_ino),
          static_cast<long long>(status.st_size),
          static_cast<long long>(status.st_mtim.tv_sec),
          static_cast<long long>(status.st_mtim.tv_nsec)}) {
        identity += ' ';
        identity += std::to_string(part);
    }
    return identity;
}

std::vector<std::string> identities_of(const tls_files& files) {
    std::vector<std::string> identities;
    const auto look_at = [&](const std::string& text, const std::string& path) {
        if (text.empty() && !path.empty()) identities.push_back(identity_of(path));
    };
    look_at(files.certificate_text, files.certificate);
    look_at(files.key_text, files.key);
    look_at(files.ca_text, files.ca);
    return identities;
}

// An encrypted key is an error; without this OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) {
    return -1;
}

void set_behaviour(SSL_CTX& context, tls_role role) {
    SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        &context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF
    );
    SSL_CTX_set_mode(
        &context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    );
    // Neither tickets nor a cache: they cost memory per connection and a session must not outlive
    // the verification that a reload may have changed.
    SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(&context, SSL_OP_NO_TICKET);
    if (role == tls_role::server) {
        SSL_CTX_set_num_tickets(&context, 0);
        SSL_CTX_set_options(&context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    SSL_CTX_set_default_passwd_cb(&context, no_password);
}

using bio_ptr = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using certificate_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

bio_ptr reader_of(const std::string& text) {
    return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all};
}

certificate_ptr next_certificate(BIO& bio) {
    return {PEM_read_bio_X509(&bio, nullptr, no_password, nullptr), X509_free};
}

// The end of a PEM text is an error of its own.
void expect_end_of_pem(const std::string& what) {
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) fail(what);
    ERR_clear_error();
}

void use_chain_text(SSL_CTX& context, const std::string& text, const std::string& what) {
    const auto bio = reader_of(text);
    const auto leaf = next_certificate(*bio);
    if (!leaf || SSL_CTX_use_certificate(&context, leaf.get()) != 1) fail(what);
    while (const auto issuer = next_certificate(*bio)) {
        if (SSL_CTX_add1_chain_cert(&context, issuer.get()) != 1) fail(what);
    }
    expect_end_of_pem(what);
}

void use_key_text(SSL_CTX& context, const std::string& text, const std::string& what) {
    const auto bio = reader_of(text);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free
    );
    if (!key || SSL_CTX_use_PrivateKey(&context, key.get()) != 1) fail(what);
}

void trust_text(SSL_CTX& context, const std::string& text, const std::string& what) {
    const auto bio = reader_of(text);
    auto* const store = SSL_CTX_get_cert_store(&context);
    bool any = false;
    while (const auto authority = next_certificate(*bio)) {
        if (X509_STORE_add_cert(store, authority.get()) != 1) fail(what);
        any = true;
    }
    if (!any) fail(what);
    expect_end_of_pem(what);
}

void load_certificate(SSL_CTX& context, const tls_files& files) {
    const bool has_certificate = !files.certificate.empty() || !files.certificate_text.empty();
    const bool has_key = !files.key.empty() || !files.key_text.empty();
    if (!has_certificate && !has_key && files.role == tls_role::client) return;
    if (!has_certificate || !has_key) {
        throw load_failure{"a certificate needs a key and a key a certificate"};
    }
    const std::string certificate =
        files.certificate_text.empty() ? files.certificate : "the certificate";
    const std::string key = files.key_text.empty() ? files.key : "the key";
    if (!files.certificate_text.empty()) {
        use_chain_text(context, files.certificate_text, certificate);
    } else if (SSL_CTX_use_certificate_chain_file(&context, files.certificate.c_str()) != 1) {
        fail(certificate);
    }
    if (!files.key_text.empty()) {
        use_key_text(context, files.key_text, key);
    } else if (SSL_CTX_use_PrivateKey_file(&context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        fail(key);
    }
    if (SSL_CTX_check_private_key(&context) != 1) fail(key + " does not belong to " + certificate);
}

void load_trust(SSL_CTX& context, const tls_files& files) {
    const bool is_client = files.role == tls_role::client;
    if (!is_client && files.verification == peer_verification::none) return;
    if (is_client && files.trust_any_server) return;
    if (!files.ca_text.empty()) {
        trust_text(context, files.ca_text, "the authorities");
    } else if (!files.ca.empty()) {
        if (SSL_CTX_load_verify_file(&context, files.ca.c_str()) != 1) fail(files.ca);
    } else if (!is_client) {
        throw load_failure{"client certificates cannot be verified without a CA"};
    } else if (SSL_CTX_set_default_verify_paths(&context) != 1) {
        fail("the system's trust store");
    }
    int mode = SSL_VERIFY_PEER;
    if (!is_client) {
        if (files.verification == peer_verification::required) {
            mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        }
        // Tells clients which of their certificates to show.
        auto* const names = SSL_load_client_CA_file(files.ca.c_str());
        if (names == nullptr) fail(files.ca);
        SSL_CTX_set_client_CA_list(&context, names);
    }
    SSL_CTX_set_verify(&context, mode, nullptr);
}

context_ptr load(const tls_files& files) {
    ERR_clear_error();
    const context_ptr context(
        SSL_CTX_new(files.role == tls_role::server ? TLS_server_method() : TLS_client_method()),
        SSL_CTX_free
    );
    if (!context) fail("TLS");
    set_behaviour(*context, files.role);
    load_certificate(*context, files);
    load_trust(*context, files);
    return context;
}

bool is_ip_address(const std::string& name) {
    in6_addr ignored{};
    return ::inet_pton(AF_INET, name.c_str(), &ignored) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
}

bool expect_server(SSL& ssl, const std::string& name) {
    if (name.empty()) return false;
    if (is_ip_address(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&ssl), name.c_str()) == 1;
    }
    SSL_set_hostflags(&ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(&ssl, name.c_str()) != 1) return false;
    // SSL_set_tlsext_host_name without its old-style cast; the name is copied.
    return SSL_ctrl(
               &ssl,
               SSL_CTRL_SET_TLSEXT_HOSTNAME,
               TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str())
           ) == 1;
}

}  // namespace

tls_context::tls_context(tls_files files) : files_(std::move(files)) {}
tls_context::~tls_context() = default;

context_ptr tls_context::current() const {
    const std::lock_guard lock(mutex_);
    return context_;
}

std::optional<std::string> tls_context::reload() {
    const std::lock_guard reload_lock(reload_mutex_);
    // Identities are taken before the content is read: a file that is replaced meanwhile differs at
    // the next call.
    try {
        auto identities = identities_of(files_);
        if (loaded() && identities == identities_) return std::nullopt;
        auto fresh = load(files_);
        identities_ = std::move(identities);
        const std::lock_guard lock(mutex_);
        context_ = std::move(fresh);
        ++generation_;
        return std::nullopt;
    } catch (const load_failure& failure) {
        return failure.text;
    }
}

bool tls_context::loaded() const {
    return current() != nullptr;
}

std::uint64_t tls_context::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

std::optional<byte_stream> tls_context::open(int fd, const std::string& server_name) {
    const auto context = current();
    if (!context) return std::nullopt;
    // The SSL object keeps its own reference to the context, so a reload never takes it away.
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
    if (!ssl) return std::nullopt;
    auto* const bio = make_socket_bio(fd);
    if (bio == nullptr) return std::nullopt;
    SSL_set_bio(ssl.get(), bio, bio);
    if (files_.role == tls_role::server) {
        SSL_set_accept_state(ssl.get());
    } else {
        if (!expect_server(*ssl, server_name)) {
            ERR_clear_error();
            return std::nullopt;
        }
        SSL_set_connect_state(ssl.get());
    }
    return byte_stream(fd, ssl.release());
}

std::optional<std::int64_t> tls_context::certificate_not_after() const {
    const auto context = current();
    if (!context) return std::nullopt;
    const auto* const certificate = SSL_CTX_get0_certificate(context.get());
    if (certificate == nullptr) return std::nullopt;
    std::tm utc{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &utc) != 1) return std::nullopt;
    return static_cast<std::int64_t>(::timegm(&utc));
}

}  // namespace pgw::net
