// The field tables: each field of the manifest once, with its rule and its description.
#pragma once

#include "common/spec/gateway.hpp"
#include "common/spec/schema.hpp"

namespace pgw::spec {

inline constexpr std::string_view api_version = "protocolgateway.dev/v1alpha1";
inline constexpr std::string_view kind_name = "ProtocolGateway";

inline constexpr std::uint64_t kibi = 1024;
inline constexpr std::uint64_t mebi = 1024 * kibi;
inline constexpr std::uint64_t gibi = 1024 * mebi;
inline constexpr base::milliseconds one_millisecond{1};
inline constexpr base::milliseconds one_hour{3'600'000};
inline constexpr base::milliseconds one_day = 24 * one_hour;

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
struct enum_table<on_refused_type> {
    static constexpr std::array rows{
        enum_name<on_refused_type>{
            on_refused_type::disconnect, "Disconnect", "the client is disconnected"
        },
        enum_name<on_refused_type>{
            on_refused_type::dead_letter,
            "DeadLetter",
            "the message is sent to `deadLetter.address` and acknowledged when it is accepted there"
        },
        enum_name<on_refused_type>{
            on_refused_type::discard,
            "Discard",
            "the message is acknowledged and dropped: the one exception to \"acknowledged means "
            "accepted\""
        }
    };
};

template <>
struct enum_table<ordering> {
    static constexpr std::array rows{
        enum_name<ordering>{
            ordering::relaxed,
            "Relaxed",
            "many messages of a client are in flight; they are sent in order"
        },
        enum_name<ordering>{
            ordering::strict,
            "Strict",
            "one message of a client is in flight, so that no retry can overtake"
        }
    };
};

template <>
struct enum_table<unmatched_policy> {
    static constexpr std::array rows{
        enum_name<unmatched_policy>{
            unmatched_policy::refuse,
            "Refuse",
            "the publication is refused: MQTT 5 gets a reason code, MQTT 3.1.1 is disconnected"
        },
        enum_name<unmatched_policy>{
            unmatched_policy::discard, "Discard", "the publication is acknowledged and dropped"
        }
    };
};

template <>
struct enum_table<base::log_level> {
    static constexpr std::array rows{
        enum_name<base::log_level>{base::log_level::trace, "Trace", "everything"},
        enum_name<base::log_level>{base::log_level::debug, "Debug", "also single connections"},
        enum_name<base::log_level>{base::log_level::info, "Info", "the life of the worker"},
        enum_name<base::log_level>{base::log_level::warn, "Warn", "what needs attention"},
        enum_name<base::log_level>{base::log_level::error, "Error", "what does not work"},
        enum_name<base::log_level>{base::log_level::off, "Off", "nothing"}
    };
};

template <>
struct enum_table<base::log_format> {
    static constexpr std::array rows{
        enum_name<base::log_format>{base::log_format::json, "Json", "one object a line"},
        enum_name<base::log_format>{base::log_format::text, "Text", "for people"}
    };
};

template <>
struct schema<secret_ref> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "The Secret: stand-alone a directory under `--secrets-dir`.", true},
            &secret_ref::name,
            text_rule{text_kind::secret_name}
        );
    }
};

template <>
struct schema<key_ref> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "The Secret: stand-alone a directory under `--secrets-dir`.", true},
            &key_ref::name,
            text_rule{text_kind::secret_name}
        );
        view.field(
            field_info{"key", "The key: stand-alone a file in that directory.", true},
            &key_ref::key,
            text_rule{text_kind::secret_key}
        );
    }
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
            field_info{"maxAttempts", "How often one message is sent before it is refused."},
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
                "reconnectInitial", "The first pause between connection attempts; it doubles."
            },
            &upstream_limits::reconnect_initial,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{"reconnectMaximum", "The longest pause between connection attempts."},
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
                "`amqp://host:port` or `amqps://host:port`, tried in order and then again from the "
                "first. Needed by every type but `Embedded`."
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

template <>
struct schema<on_refused> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"type", "What a client that cannot be told of a refusal gets."},
            &on_refused::type,
            no_rule{}
        );
        view.group(
            field_info{"deadLetter", "Where refused messages go.", true},
            [](auto& group) {
                group.field(
                    field_info{
                        "address", "An address of the same upstream. A value template.", true
                    },
                    &on_refused::dead_letter_address,
                    text_rule{text_kind::value_template}
                );
            },
            only_for<on_refused, on_refused_type>{&on_refused::type, on_refused_type::dead_letter}
        );
    }
};

template <>
struct schema<publish_route> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "Names the route in logs and metrics.", true},
            &publish_route::name,
            text_rule{text_kind::label}
        );
        view.group(field_info{"match", "Which publications it takes.", true}, [](auto& group) {
            group.field(
                field_info{"topic", "A topic template; see above.", true},
                &publish_route::match_topic,
                text_rule{text_kind::topic_template}
            );
        });
        view.group(field_info{"to", "Where they go.", true}, [](auto& group) {
            group.field(
                field_info{"upstream", "The name of an upstream.", true},
                &publish_route::upstream,
                text_rule{text_kind::label}
            );
            group.field(
                field_info{
                    "address",
                    "The AMQP address. A value template. With variables the upstream must offer "
                    "the "
                    "anonymous terminus, so not `RabbitMQ`.",
                    true
                },
                &publish_route::address,
                text_rule{text_kind::value_template}
            );
            group.field(
                field_info{"subject", "The message's subject. A value template. Empty: none."},
                &publish_route::subject,
                text_rule{text_kind::value_template}
            );
            group.field(
                field_info{
                    "properties",
                    "Application properties: names and value templates. Names that begin with "
                    "`mqtt-` or `x-opt-` are the gateway's own."
                },
                &publish_route::properties,
                properties_rule{64}
            );
        });
        view.field(
            field_info{
                "onRefused",
                "What happens when the upstream refuses a message for good and the client speaks "
                "MQTT 3.1.1, which cannot be told."
            },
            &publish_route::on_refused,
            no_rule{}
        );
        view.field(
            field_info{"ordering", "How much of a client's stream may be in flight."},
            &publish_route::ordering,
            no_rule{}
        );
    }
};

template <>
struct schema<routes> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"publish", "Publications of devices. The first route that matches wins."},
            &routes::publish,
            list_rule<no_rule>{0, 1000, {}}
        );
        view.group(field_info{"unmatched", "Publications that no route matches."}, [](auto& group) {
            group.field(field_info{"type", "What becomes of them."}, &routes::unmatched, no_rule{});
        });
    }
};

template <>
struct schema<limits> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"maxConnections", "Client connections of one worker."},
            &limits::max_connections,
            number_rule{1, 10'000'000}
        );
        view.field(
            field_info{"maxPacketSize", "The largest MQTT packet a client may send."},
            &limits::max_packet_size,
            size_rule{256, 268'435'455}
        );
        view.field(
            field_info{
                "receiveMaximum",
                "QoS 1 and 2 publications that a client may have unacknowledged (MQTT 5; an MQTT "
                "3.1.1 client is not read from meanwhile)."
            },
            &limits::receive_maximum,
            number_rule{1, 65535}
        );
        view.field(
            field_info{"topicAliasMaximum", "Topic aliases that a client may set. 0: none."},
            &limits::topic_alias_maximum,
            number_rule{0, 65535}
        );
        view.field(
            field_info{"maxTopicLevels", "Levels of a topic."},
            &limits::max_topic_levels,
            number_rule{1, 1000}
        );
        view.field(
            field_info{"maxUserProperties", "User properties of a packet."},
            &limits::max_user_properties,
            number_rule{1, 10'000}
        );
        view.field(
            field_info{
                "maxKeepAlive", "The longest keep-alive, also for clients that ask for none."
            },
            &limits::max_keep_alive,
            time_rule{base::milliseconds{1000}, base::milliseconds{65'535'000}}
        );
        view.field(
            field_info{
                "connectTimeout", "From accept to a complete CONNECT, TLS handshake included."
            },
            &limits::connect_timeout,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "maxPause",
                "How long back-pressure may stop reading from a client before it is disconnected."
            },
            &limits::max_pause,
            time_rule{one_millisecond, one_hour}
        );
        view.field(
            field_info{
                "maxInflightBytes", "Unacknowledged bytes of one client. At least `maxPacketSize`."
            },
            &limits::max_inflight_bytes,
            size_rule{256, 4 * gibi - 1}
        );
        view.field(
            field_info{
                "maxPendingConnects", "Connections of one thread whose CONNECT is not yet complete."
            },
            &limits::max_pending_connects,
            number_rule{1, 1'000'000}
        );
    }
};

template <>
struct schema<logging> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"level", "The least severe level that is logged."},
            &logging::level,
            no_rule{}
        );
        view.field(
            field_info{"format", "Left out: text on a terminal, else JSON."},
            &logging::format,
            no_rule{}
        );
    }
};

template <>
struct schema<admin> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"address", "The address to bind. In a cluster always all addresses."},
            &admin::address,
            text_rule{text_kind::ip_address}
        );
        view.field(
            field_info{
                "port",
                "The port of `/metrics`, `/livez`, `/readyz`, `/status`, `/config`. "
                "0: any free port."
            },
            &admin::port,
            number_rule{0, 65535}
        );
    }
};

template <>
struct schema<drain> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{
                "endpointDelay",
                "How long a stopping worker keeps accepting, until balancers know that it leaves."
            },
            &drain::endpoint_delay,
            time_rule{base::milliseconds{0}, one_hour}
        );
        view.field(
            field_info{
                "timeout", "How long it then waits for outcomes and disconnects its clients."
            },
            &drain::timeout,
            time_rule{one_millisecond, one_hour}
        );
    }
};

template <>
struct schema<gateway> {
    static constexpr bool is_described = true;

    static void describe(auto& view) {
        view.constant(field_info{"apiVersion", "The schema's version.", true}, api_version);
        view.constant(field_info{"kind", "The kind of manifest.", true}, kind_name);
        view.group(field_info{"metadata", "As in Kubernetes.", true}, [](auto& metadata) {
            metadata.field(
                field_info{"name", "The gateway's name.", true},
                &gateway::name,
                text_rule{text_kind::label}
            );
            // What Kubernetes keeps there is Kubernetes' business.
            for (const std::string_view name :
                 {"namespace",
                  "labels",
                  "annotations",
                  "creationTimestamp",
                  "finalizers",
                  "generation",
                  "managedFields",
                  "ownerReferences",
                  "resourceVersion",
                  "uid"}) {
                metadata.ignored(field_info{name, {}});
            }
        });
        view.group(field_info{"spec", "The gateway.", true}, [](auto& spec) {
            describe_spec(spec);
        });
        view.ignored(field_info{"status", {}});
    }

private:
    static void describe_spec(auto& spec) {
        spec.field(
            field_info{"threads", "Threads that serve clients. 0: one per usable CPU."},
            &gateway::threads,
            number_rule{0, 1024}
        );
        spec.field(
            field_info{"listeners", "Where devices connect.", true},
            &gateway::listeners,
            list_rule<no_rule>{1, 64, {}}
        );
        spec.field(
            field_info{
                "authentication",
                "Authenticators in the order they are asked. There is no default: who lets "
                "everybody "
                "in says so.",
                true
            },
            &gateway::authentication,
            list_rule<no_rule>{1, 16, {}}
        );
        spec.field(
            field_info{"upstreams", "The AMQP 1.0 peers.", true},
            &gateway::upstreams,
            list_rule<no_rule>{1, 64, {}}
        );
        spec.field(
            field_info{"routes", "Which publications go where.", true}, &gateway::routes, no_rule{}
        );
        spec.field(
            field_info{"limits", "What one client and all together may use."},
            &gateway::limits,
            no_rule{}
        );
        spec.field(field_info{"logging", "What is logged and how."}, &gateway::logging, no_rule{});
        spec.field(
            field_info{"admin", "The HTTP server for probes, metrics and status."},
            &gateway::admin,
            no_rule{}
        );
        spec.field(field_info{"drain", "How a worker stops."}, &gateway::drain, no_rule{});
        describe_operator_fields(spec);
    }

    static void describe_operator_fields(auto& spec) {
        const auto of_operator = [&](std::string_view name, std::string_view text) {
            spec.ignored(
                field_info{name, text, false, field_change::live, field_scope::operator_only}
            );
        };
        of_operator("shards", "How many workers.");
        of_operator("autoscaling", "Bounds and targets of a HorizontalPodAutoscaler.");
        of_operator("worker", "Image, resources and pod template of the workers.");
        of_operator("serviceAccount", "The workers' service account.");
        of_operator("service", "The Service in front of the workers.");
        of_operator("rollout", "How fast a change rolls out.");
        of_operator("disruption", "The PodDisruptionBudget.");
        of_operator("monitoring", "The PodMonitor.");
        of_operator("networkPolicy", "The NetworkPolicy.");
    }
};

}  // namespace pgw::spec
