// Makes certificates at test time, so that none expires in the repository.
#pragma once

#include "tests/support/temporary_directory.hpp"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace pgw::test {

/// A key pair and its certificate, signed by another one or by itself.
class certificate {
public:
    /// `alternative_names` as in openssl.cnf: "DNS:a.example,IP:127.0.0.1"; empty for none.
    static certificate authority(const std::string& common_name);
    certificate issue(const std::string& common_name, const std::string& alternative_names) const;
    /// An authority below this one.
    certificate intermediate(const std::string& common_name) const;

    std::string certificate_pem() const;
    std::string key_pem() const;

private:
    static certificate make(
        const std::string& common_name,
        const std::string& alternative_names,
        bool is_authority,
        const certificate* issuer
    );

    std::shared_ptr<EVP_PKEY> key_;
    std::shared_ptr<X509> x509_;
};

}  // namespace pgw::test
