// Reads who the peer was proved to be.
#include "common/net/tls_context.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace pgw::net {

namespace {

std::string common_name(X509_NAME* subject) {
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0) return {};
    auto* const data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, data);
    if (length < 0) return {};
    std::string name(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
    OPENSSL_free(utf8);
    // A NUL makes programs disagree on where the name ends: such a name proves nothing.
    return name.find('\0') == std::string::npos ? name : std::string();
}

std::string rfc2253(const X509_NAME* subject) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    if (!out ||
        X509_NAME_print_ex(out.get(), subject, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
        return {};
    }
    char* text = nullptr;
    const auto length = BIO_get_mem_data(out.get(), &text);
    return length > 0 ? std::string(text, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

std::optional<peer_certificate> verified_peer(const byte_stream& stream) {
    auto* const ssl = stream.ssl();
    if (ssl == nullptr || SSL_is_init_finished(ssl) == 0) return std::nullopt;
    if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) == 0) return std::nullopt;
    const auto* const certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return std::nullopt;
    auto* const subject = X509_get_subject_name(certificate);
    return peer_certificate{common_name(subject), rfc2253(subject)};
}

}  // namespace pgw::net
