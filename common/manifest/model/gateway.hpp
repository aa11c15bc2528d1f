// The ProtocolGateway specification (protocolgateway.dev/v1alpha1) as typed values with their
// defaults.
//
// This is the one definition of the fields; those that only the operator obeys are in
// operator_spec.hpp. A field appears here together with the code that obeys it. Reading,
// validation, the printed configuration, the CRD and the reference page are all bound to these
// structs.
#pragma once

#include "common/base/clock.hpp"
#include "common/base/log.hpp"
#include "common/manifest/model/operator_spec.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgw::manifest {

/// A directory under --secrets-dir, as Kubernetes mounts a Secret.
struct secret_ref {
    std::string name;
};

/// One file of a secret: --secrets-dir/<name>/<key>.
struct key_ref {
    std::string name;
    std::string key;
};

enum class client_auth_mode : std::uint8_t { none, optional, required };

/// Server side TLS: the secret holds tls.crt and tls.key.
struct listener_tls {
    secret_ref secret;
    client_auth_mode client_auth = client_auth_mode::none;
    std::optional<key_ref> client_ca;
};

enum class listener_type : std::uint8_t { mqtt };

struct listener {
    std::string name;
    listener_type type = listener_type::mqtt;
    std::string address = "0.0.0.0";
    std::uint16_t port = 0;
    std::optional<listener_tls> tls;
};

enum class authenticator_type : std::uint8_t { anonymous };

struct authenticator {
    std::string name;
    authenticator_type type = authenticator_type::anonymous;
};

enum class upstream_type : std::uint8_t { embedded, generic, artemis, rabbitmq };

/// amqp://host:port or amqps://host:port; 5672 and 5671 where the port is left out.
struct endpoint {
    bool tls = false;
    std::string host;
    std::uint16_t port = 0;
};

enum class sasl_mechanism : std::uint8_t { anonymous, plain, external };

/// PLAIN takes the keys `username` and `password` of the secret.
struct upstream_sasl {
    sasl_mechanism mechanism = sasl_mechanism::anonymous;
    std::optional<secret_ref> secret;
};

/// Client side TLS: the secret (tls.crt, tls.key) is the client's own certificate; without `ca` the
/// system's trust store is used.
struct upstream_tls {
    std::optional<secret_ref> secret;
    std::optional<key_ref> ca;
    std::string server_name;  ///< Empty: the endpoint's host.
};

/// The broker inside the worker, for trying and testing.
struct embedded_broker {
    std::string address = "127.0.0.1";
    std::uint16_t port = 5672;
    std::uint64_t max_queue_bytes = 64ull << 20;  ///< Per queue; beyond it no credit is granted.
    std::uint32_t max_queues = 1024;
};

struct upstream_limits {
    std::uint32_t max_unsettled = 5000;  ///< Messages per link that wait for credit or an outcome.
    std::uint64_t max_unsettled_bytes =
        16ull << 20;  ///< Bytes per link that wait for credit or an outcome.
    base::milliseconds delivery_timeout{30'000
    };  ///< From submission to the last outcome that is waited for.
    std::uint32_t max_attempts = 10;  ///< Sends of one message before it is refused.
    base::milliseconds qos0_wait{1'000
    };  ///< How long a QoS 0 message waits for credit before it is dropped.
    base::milliseconds reconnect_initial{100};
    base::milliseconds reconnect_maximum{10'000};
    base::milliseconds connect_timeout{10'000};
    base::milliseconds idle_timeout{60'000};
};

struct upstream {
    std::string name;
    upstream_type type = upstream_type::generic;
    /// Tried in order, beginning with the one that served last. Empty for Embedded.
    std::vector<endpoint> endpoints;
    upstream_sasl sasl;
    std::optional<upstream_tls> tls;          ///< Used by amqps endpoints.
    std::optional<embedded_broker> embedded;  ///< read_manifest sets it for type Embedded.
    upstream_limits limits;
};

enum class on_refused_type : std::uint8_t { disconnect, dead_letter, discard };

/// What a client that cannot be told of a refusal gets (MQTT 3.1.1): see docs/mapping.md.
struct on_refused {
    on_refused_type type = on_refused_type::disconnect;
    std::string dead_letter_address;
};

enum class ordering : std::uint8_t { relaxed, strict };

struct publish_route {
    std::string name;
    std::string match_topic;  ///< A topic template: {name}, {name=default}, {*rest}.
    std::string upstream;
    std::string address;              ///< May use the match's variables and {clientId}.
    std::string subject = "{topic}";  ///< Likewise; empty: no subject.
    string_map properties;            ///< Application properties, in order.
    manifest::on_refused on_refused;
    manifest::ordering ordering = manifest::ordering::relaxed;
};

enum class unmatched_policy : std::uint8_t { refuse, discard };

struct routes {
    std::vector<publish_route> publish;  ///< The first match wins.
    unmatched_policy unmatched = unmatched_policy::refuse;
};

struct limits {
    std::uint32_t max_connections = 100'000;  ///< Per worker.
    std::uint32_t max_packet_size = 256u << 10;
    std::uint16_t receive_maximum = 64;
    std::uint16_t topic_alias_maximum = 32;
    std::uint16_t max_topic_levels = 32;
    std::uint16_t max_user_properties = 64;
    base::seconds max_keep_alive{3600};  ///< Also applied where the client asks for none.
    base::milliseconds connect_timeout{10'000
    };  ///< From accept to a complete CONNECT, TLS handshake included.
    base::milliseconds max_pause{60'000
    };  ///< How long back-pressure may stop reading from a client.
    std::uint32_t max_inflight_bytes = 4u << 20;  ///< Per client, unacknowledged.
    std::uint32_t max_pending_connects = 1024;  ///< Per thread: accepted, CONNECT not yet complete.
    /// Of the process, for everything that peers can make it keep. Unset: by the machine's memory.
    std::optional<std::uint64_t> max_buffered_bytes;
};

struct logging {
    base::log_level level = base::log_level::info;
    std::optional<base::log_format> format;  ///< Unset: text on a terminal, else JSON.
};

struct admin {
    std::string address = "127.0.0.1";
    std::uint16_t port = 9090;
    std::vector<std::string> hosts;
};

struct drain {
    base::milliseconds endpoint_delay{0};
    base::milliseconds timeout{10'000};
};

struct gateway {
    std::string name;
    std::vector<listener> listeners;
    std::vector<authenticator> authentication;
    std::vector<upstream> upstreams;
    manifest::routes routes;
    manifest::limits limits;
    manifest::logging logging;
    manifest::admin admin;
    manifest::drain drain;
    std::uint32_t threads = 0;  ///< 0: one per usable CPU.

    // What only the operator obeys.
    std::uint32_t shards = 1;  ///< 0: stopped on purpose.
    std::optional<manifest::autoscaling> autoscaling;
    worker_pods worker;
    manifest::service_account service_account;
    manifest::service service;
    manifest::rollout rollout;
    manifest::disruption disruption;
    manifest::monitoring monitoring;
    manifest::network_policy network_policy;
};

}  // namespace pgw::manifest
