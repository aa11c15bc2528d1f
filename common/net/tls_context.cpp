// Builds SSL_CTX objects from files and makes streams from them.
#include "common/net/tls_context.hpp"

#include "common/base/address.hpp"
#include "common/base/file.hpp"
#include "common/net/socket_bio.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctime>
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

/// Larger than what a Secret can hold, and than the bundle of all public authorities.
constexpr std::size_t max_pem_bytes = std::size_t{1} << 20;

base::file_identity identity_of(const std::string& path) {
    const auto found = base::look_at_file(path);
    if (found.fault != base::file_fault::none) throw load_failure{path + ": " + found.problem};
    return found.identity;
}

std::vector<base::file_identity> identities_of(const tls_files& files) {
    std::vector<base::file_identity> identities;
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

/// PEM text, and what to call it when it is wrong.
struct pem {
    std::string text;
    std::string name;
};

// The text itself, or the file's. OpenSSL's own functions for files would open and read anything.
pem pem_of(const std::string& text, const std::string& path, const char* name) {
    if (!text.empty()) return {text, name};
    auto file = base::read_file(path, max_pem_bytes);
    if (!file.ok()) throw load_failure{path + ": " + file.status.problem};
    return {std::move(file.content), path};
}

bio_ptr reader_of(const pem& what) {
    return {BIO_new_mem_buf(what.text.data(), static_cast<int>(what.text.size())), BIO_free_all};
}

// The end of a PEM text is an error of its own.
void expect_end_of_pem(const std::string& what) {
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) fail(what);
    ERR_clear_error();
}

void use_chain(SSL_CTX& context, const pem& chain) {
    const auto bio = reader_of(chain);
    const certificate_ptr leaf(
        PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr), X509_free
    );
    if (!leaf || SSL_CTX_use_certificate(&context, leaf.get()) != 1) fail(chain.name);
    for (;;) {
        const certificate_ptr issuer(
            PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr), X509_free
        );
        if (!issuer) break;
        if (SSL_CTX_add1_chain_cert(&context, issuer.get()) != 1) fail(chain.name);
    }
    expect_end_of_pem(chain.name);
}

void use_key(SSL_CTX& context, const pem& text) {
    const auto bio = reader_of(text);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr), EVP_PKEY_free
    );
    if (!key || SSL_CTX_use_PrivateKey(&context, key.get()) != 1) fail(text.name);
}

void free_infos(STACK_OF(X509_INFO) * infos) {
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
}

// A server also tells clients which authorities it trusts, so that they choose among their
// certificates.
void trust(SSL_CTX& context, const pem& authorities, bool tell_clients) {
    const auto bio = reader_of(authorities);
    // Of all PEM blocks, since bundles also hold "TRUSTED CERTIFICATE" and revocation lists.
    const std::unique_ptr<STACK_OF(X509_INFO), decltype(&free_infos)> infos(
        PEM_X509_INFO_read_bio(bio.get(), nullptr, no_password, nullptr), free_infos
    );
    if (!infos) fail(authorities.name);
    auto* const store = SSL_CTX_get_cert_store(&context);
    bool any = false;
    for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
        auto* const authority = sk_X509_INFO_value(infos.get(), i)->x509;
        if (authority == nullptr) continue;
        if (X509_STORE_add_cert(store, authority) != 1) fail(authorities.name);
        if (tell_clients && SSL_CTX_add_client_CA(&context, authority) != 1) fail(authorities.name);
        any = true;
    }
    if (!any) throw load_failure{authorities.name + ": holds no certificate"};
    ERR_clear_error();
}

void load_certificate(SSL_CTX& context, const tls_files& files) {
    const bool has_certificate = !files.certificate.empty() || !files.certificate_text.empty();
    const bool has_key = !files.key.empty() || !files.key_text.empty();
    if (!has_certificate && !has_key && files.role == tls_role::client) return;
    if (!has_certificate || !has_key) {
        throw load_failure{"a certificate needs a key and a key a certificate"};
    }
    const auto certificate = pem_of(files.certificate_text, files.certificate, "the certificate");
    auto key = pem_of(files.key_text, files.key, "the key");
    use_chain(context, certificate);
    use_key(context, key);
    OPENSSL_cleanse(key.text.data(), key.text.size());
    if (SSL_CTX_check_private_key(&context) != 1) {
        fail(key.name + " does not belong to " + certificate.name);
    }
}

void load_trust(SSL_CTX& context, const tls_files& files) {
    const bool is_client = files.role == tls_role::client;
    if (!is_client && files.verification == peer_verification::none) return;
    if (is_client && files.trust_any_server) return;
    if (!files.ca_text.empty() || !files.ca.empty()) {
        trust(context, pem_of(files.ca_text, files.ca, "the authorities"), !is_client);
    } else if (!is_client) {
        throw load_failure{"client certificates cannot be verified without a CA"};
    } else if (SSL_CTX_set_default_verify_paths(&context) != 1) {
        fail("the system's trust store");
    }
    int mode = SSL_VERIFY_PEER;
    if (!is_client && files.verification == peer_verification::required) {
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
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

bool expect_server(SSL& ssl, const std::string& name) {
    if (name.empty()) return false;
    if (base::is_ip_address(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&ssl), name.c_str()) == 1;
    }
    // Only what the certificate says for this purpose, the alternative names: OpenSSL would take a
    // common name for a host where there are none (RFC 9525, 2: a client must not).
    SSL_set_hostflags(
        &ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
    );
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
