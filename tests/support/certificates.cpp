// P-256 certificates through OpenSSL's API.
#include "tests/support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <stdexcept>

namespace pgw::test {

namespace {

void check(bool ok) {
    if (!ok) throw std::runtime_error("OpenSSL refused to make a test certificate");
}

void add_extension(X509* x509, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, x509, nullptr, nullptr, 0);
    auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    check(extension != nullptr);
    check(X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

std::string text_of(BIO* out) {
    char* text = nullptr;
    const auto length = BIO_get_mem_data(out, &text);
    std::string copy(text, static_cast<std::size_t>(length));
    BIO_free(out);
    return copy;
}

}  // namespace

certificate certificate::make(
    const std::string& common_name,
    const std::string& alternative_names,
    bool is_authority,
    const certificate* issuer
) {
    static std::atomic<long> serial{1};
    certificate made;
    made.key_.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
    made.x509_.reset(X509_new(), X509_free);
    check(made.key_ && made.x509_);
    auto* const x509 = made.x509_.get();
    check(X509_set_version(x509, X509_VERSION_3) == 1);
    check(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++) == 1);
    check(X509_gmtime_adj(X509_getm_notBefore(x509), -3600) != nullptr);
    check(X509_gmtime_adj(X509_getm_notAfter(x509), 24 * 3600) != nullptr);
    check(X509_set_pubkey(x509, made.key_.get()) == 1);
    check(
        X509_NAME_add_entry_by_txt(
            X509_get_subject_name(x509),
            "CN",
            MBSTRING_UTF8,
            reinterpret_cast<const unsigned char*>(common_name.data()),
            static_cast<int>(common_name.size()),
            -1,
            0
        ) == 1
    );
    auto* const signer = issuer != nullptr ? issuer->x509_.get() : x509;
    check(X509_set_issuer_name(x509, X509_get_subject_name(signer)) == 1);
    add_extension(
        x509, signer, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE"
    );
    if (!alternative_names.empty()) {
        add_extension(x509, signer, NID_subject_alt_name, alternative_names);
    }
    auto* const key = issuer != nullptr ? issuer->key_.get() : made.key_.get();
    check(X509_sign(x509, key, EVP_sha256()) > 0);
    return made;
}

certificate certificate::authority(const std::string& common_name) {
    return make(common_name, {}, true, nullptr);
}

certificate certificate::issue(const std::string& common_name, const std::string& alternative_names)
    const {
    return make(common_name, alternative_names, false, this);
}

certificate certificate::intermediate(const std::string& common_name) const {
    return make(common_name, {}, true, this);
}

std::string certificate::certificate_pem() const {
    auto* const out = BIO_new(BIO_s_mem());
    check(PEM_write_bio_X509(out, x509_.get()) == 1);
    return text_of(out);
}

std::string certificate::key_pem() const {
    auto* const out = BIO_new(BIO_s_mem());
    check(PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(out);
}

}  // namespace pgw::test
