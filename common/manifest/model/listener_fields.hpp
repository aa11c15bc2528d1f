// The field tables of where devices connect and how they prove who they are.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/schema.hpp"
#include "common/manifest/model/secret_fields.hpp"

namespace pgw::manifest {

template <>
struct enum_table<client_auth_mode> {
    static constexpr std::array rows{
        enum_name<client_auth_mode>{
            client_auth_mode::none, "None", "clients are not asked for a certificate"
        },
        enum_name<client_auth_mode>{
            client_auth_mode::optional,
            "Optional",
            "clients may show a certificate; a wrong one is refused"
        },
        enum_name<client_auth_mode>{
            client_auth_mode::required, "Required", "clients must show a valid certificate"
        }
    };
};

template <>
struct enum_table<listener_type> {
    static constexpr std::array rows{
        enum_name<listener_type>{listener_type::mqtt, "MQTT", "MQTT 3.1.1 and 5.0 over TCP or TLS"}
    };
};

template <>
struct enum_table<authenticator_type> {
    static constexpr std::array rows{enum_name<authenticator_type>{
        authenticator_type::anonymous, "Anonymous", "everybody is let in, without an identity"
    }};
};

template <>
struct schema<listener_tls> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{
                "secretRef", "Holds the certificate chain `tls.crt` and the key `tls.key`.", true
            },
            &listener_tls::secret,
            no_rule{}
        );
        view.group(field_info{"clientAuth", "Client certificates."}, [](auto& group) {
            group.field(
                field_info{"mode", "Whether clients must show a certificate."},
                &listener_tls::client_auth,
                no_rule{}
            );
            group.field(
                field_info{
                    "caSecretRef",
                    "The authorities (PEM) whose client certificates are trusted. Needed by "
                    "`Optional` and `Required`."
                },
                &listener_tls::client_ca,
                no_rule{}
            );
        });
    }
};

template <>
struct schema<listener> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "Names the listener in logs, metrics and `{listener}`.", true},
            &listener::name,
            text_rule{text_kind::label}
        );
        view.field(
            field_info{"type", "The protocol that devices speak.", true}, &listener::type, no_rule{}
        );
        view.field(
            field_info{"address", "The address to bind. In a cluster always all addresses."},
            &listener::address,
            text_rule{text_kind::ip_address}
        );
        view.field(
            field_info{"port", "The port to listen on. 0: any free port.", true},
            &listener::port,
            number_rule{0, 65535}
        );
        view.field(
            field_info{"tls", "TLS 1.2 or 1.3. Left out: plain TCP."}, &listener::tls, no_rule{}
        );
    }
};

template <>
struct schema<authenticator> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "Names the authenticator in logs and metrics.", true},
            &authenticator::name,
            text_rule{text_kind::label}
        );
        view.field(
            field_info{"type", "How clients prove who they are.", true},
            &authenticator::type,
            no_rule{}
        );
    }
};

}  // namespace pgw::manifest
