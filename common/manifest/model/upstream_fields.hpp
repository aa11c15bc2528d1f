// The field tables of the AMQP 1.0 peers.
#pragma once

#include "common/manifest/model/bounds.hpp"
#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/schema.hpp"
#include "common/manifest/model/secret_fields.hpp"

namespace pgw::manifest {

template <>
struct enum_table<upstream_type> {
    static constexpr std::array rows{
        enum_name<upstream_type>{
            upstream_type::embedded,
            "Embedded",
            "a small broker inside the worker, for trying and testing; nothing survives a restart"
        },
        enum_name<upstream_type>{
            upstream_type::generic,
            "Generic",
            "any AMQP 1.0 peer that offers the anonymous terminus"
        },
        enum_name<upstream_type>{upstream_type::artemis, "Artemis", "ActiveMQ Artemis"},
        enum_name<upstream_type>{
            upstream_type::rabbitmq, "RabbitMQ", "RabbitMQ with its AMQP 1.0 plug-in"
        }
    };
};

template <>
struct enum_table<sasl_mechanism> {
    static constexpr std::array rows{
        enum_name<sasl_mechanism>{sasl_mechanism::anonymous, "Anonymous", "no credentials"},
        enum_name<sasl_mechanism>{
            sasl_mechanism::plain, "Plain", "user name and password from `secretRef`"
        },
        enum_name<sasl_mechanism>{
            sasl_mechanism::external, "External", "the client certificate of `tls.secretRef`"
        }
    };
};

template <>
struct schema<upstream_sasl> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"mechanism", "The SASL mechanism, the only one that is offered."},
            &upstream_sasl::mechanism,
            no_rule{}
        );
        view.field(
            field_info{"secretRef", "Holds `username` and `password`. For `Plain` only."},
            &upstream_sasl::secret,
            no_rule{}
        );
    }
};

template <>
struct schema<upstream_tls> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"secretRef", "The gateway's own certificate `tls.crt` and key `tls.key`."},
            &upstream_tls::secret,
            no_rule{}
        );
        view.field(
            field_info{
                "caSecretRef",
                "The authorities (PEM) that are trusted. Left out: the system's trust store."
            },
            &upstream_tls::ca,
            no_rule{}
        );
        view.field(
            field_info{
                "serverName",
                "The name that the peer's certificate must carry. Empty: the endpoint's host."
            },
            &upstream_tls::server_name,
            text_rule{text_kind::host}
        );
    }
};

template <>
struct schema<embedded_broker> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"address", "The address to bind."},
            &embedded_broker::address,
            text_rule{text_kind::ip_address}
        );
        view.field(
            field_info{"port", "The port for AMQP 1.0 consumers. 0: any free port."},
            &embedded_broker::port,
            number_rule{0, 65535}
        );
        view.field(
            field_info{
                "maxQueueBytes", "Bytes that a queue holds. Beyond it senders get no credit."
            },
            &embedded_broker::max_queue_bytes,
            size_rule{64 * kibi, 64 * gibi}
        );
        view.field(
            field_info{"maxQueues", "Queues and topics in total."},
            &embedded_broker::max_queues,
            number_rule{1, 1'000'000}
        );
    }
};

template <>
struct schema<upstream_limits> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"maxUnsettled", "Messages of one link that wait for credit or an outcome."},
            &upstream_limits::max_unsettled,
            number_rule{1, 1'000'000}
        );
        view.field(
            field_info{
                "maxUnsettledBytes", "Bytes of one link that wait for credit or an outcome."
            },
            &upstream_limits::max_unsettled_bytes,
            size_rule{64 * kibi, 64 * gibi}
        );
        view.field(
            field_info{
                "deliveryTimeout",
                "How long a message may take from its submission to its outcome, retries included."
            },
            &upstream_limits::delivery_timeout,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "maxAttempts",
                "How often one message is sent and not taken before it is refused: returned, or "
                "answered by the end of its link, session or connection with an error."
            },
            &upstream_limits::max_attempts,
            number_rule{1, 1'000'000}
        );
        view.field(
            field_info{
                "qos0Wait", "How long a QoS 0 message waits for credit before it is dropped."
            },
            &upstream_limits::qos0_wait,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "reconnectInitial",
                "The first pause after all endpoints failed; it doubles until one has served."
            },
            &upstream_limits::reconnect_initial,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "reconnectMaximum",
                "The longest pause between rounds of connection attempts. While a device or a "
                "publication waits it is one second at most."
            },
            &upstream_limits::reconnect_maximum,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "connectTimeout",
                "From the attempt to an open AMQP connection, TLS and SASL included."
            },
            &upstream_limits::connect_timeout,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "idleTimeout", "The AMQP idle time-out: a peer that is silent for so long is gone."
            },
            &upstream_limits::idle_timeout,
            time_rule{base::milliseconds{1000}, one_hour}
        );
    }
};

template <>
struct schema<upstream> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "The name that routes refer to.", true},
            &upstream::name,
            text_rule{text_kind::label}
        );
        view.field(
            field_info{"type", "What kind of peer it is.", true}, &upstream::type, no_rule{}
        );
        view.field(
            field_info{
                "endpoints",
                "`amqp://host:port` or `amqps://host:port`, tried in order, whatever fails at one, "
                "beginning with the one that served last. Needed by every type but `Embedded`."
            },
            &upstream::endpoints,
            list_rule<endpoint_rule>{0, 16, {}}
        );
        view.field(
            field_info{"sasl", "How the gateway proves who it is."}, &upstream::sasl, no_rule{}
        );
        view.field(field_info{"tls", "Settings of `amqps` endpoints."}, &upstream::tls, no_rule{});
        view.field(
            field_info{"embedded", "The broker inside the worker."},
            &upstream::embedded,
            no_rule{},
            only_for<upstream, upstream_type>{&upstream::type, upstream_type::embedded}
        );
        view.field(
            field_info{"limits", "Bounds, retries and time-outs."}, &upstream::limits, no_rule{}
        );
    }
};

}  // namespace pgw::manifest
