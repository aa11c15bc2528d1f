// Reading manifests: what they mean, and what is said of each fault.
#include "common/manifest/read/read.hpp"

#include "common/manifest/generate/print.hpp"
#include "common/manifest/judge/validate.hpp"
#include "tests/unit/manifest/manifest_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace {

using namespace std::chrono_literals;
using namespace pgw::manifest;
using pgw::test::manifest_text;
using pgw::test::problems_of;
using testing::HasSubstr;

std::string file_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

gateway read(const manifest_text& m) {
    auto result = read_manifest(m.text());
    EXPECT_TRUE(std::holds_alternative<gateway>(result)) << problems_of(m.text());
    return std::holds_alternative<gateway>(result) ? std::get<gateway>(std::move(result))
                                                   : gateway{};
}

const std::string quickstart = R"(apiVersion: protocolgateway.dev/v1alpha1
kind: ProtocolGateway
metadata: {name: quickstart}
spec:
  admin: {address: 127.0.0.1, port: 9090}
  listeners: [{name: mqtt, type: MQTT, address: 127.0.0.1, port: 1883}]
  authentication: [{name: anyone, type: Anonymous}]
  upstreams: [{name: local, type: Embedded, embedded: {address: 127.0.0.1, port: 5672}}]
  routes: {publish: [{name: all, match: {topic: "{*rest}"}, to: {upstream: local, address: telemetry}}]}
)";

TEST(read_manifest, quickstart_is_read_as_written) {
    const auto result = read_manifest(quickstart);
    ASSERT_TRUE(std::holds_alternative<gateway>(result)) << problems_of(quickstart);
    const auto& g = std::get<gateway>(result);
    EXPECT_EQ(g.name, "quickstart");
    ASSERT_EQ(g.listeners.size(), 1u);
    EXPECT_EQ(g.listeners[0].address, "127.0.0.1");
    EXPECT_EQ(g.listeners[0].port, 1883);
    EXPECT_EQ(g.authentication.at(0).type, authenticator_type::anonymous);
    ASSERT_TRUE(g.upstreams.at(0).embedded.has_value());
    EXPECT_EQ(g.upstreams[0].embedded->port, 5672);
    EXPECT_EQ(g.routes.publish.at(0).match_topic, "{*rest}");
    EXPECT_EQ(g.routes.publish[0].address, "telemetry");
    EXPECT_EQ(g.admin.port, 9090);
    EXPECT_EQ(g.routes.unmatched, unmatched_policy::refuse);
}

TEST(read_manifest, quickstart_example_is_the_quickstart) {
    EXPECT_EQ(file_text(PGW_SOURCE_DIR "/examples/quickstart.yaml"), quickstart);
}

TEST(read_manifest, every_example_is_valid) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(PGW_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".yaml") continue;
        EXPECT_EQ(problems_of(file_text(entry.path())), "") << entry.path();
        ++count;
    }
    EXPECT_GE(count, 4u);
}

TEST(read_manifest, all_kinds_of_values_arrive) {
    manifest_text m;
    m.listeners =
        "[{name: mqtts, type: MQTT, port: 8883, tls: {secretRef: {name: plant-tls}, clientAuth: "
        "{mode: Required, caSecretRef: {name: ca, key: ca.crt}}}}]";
    m.upstreams =
        "[{name: up, type: Artemis, endpoints: [\"amqps://a1\", \"amqps://[::1]:9\"], "
        "sasl: {mechanism: External}, tls: {secretRef: {name: art}, serverName: broker.example}, "
        "limits: {maxUnsettledBytes: 1M, deliveryTimeout: 1m30s, maxAttempts: 3}}]";
    m.routes =
        "{publish: [{name: r, match: {topic: \"a/{x}\"}, to: {upstream: up, address: \"q.{x}\", "
        "subject: \"{topic}\", properties: {z: \"1\", a: \"{clientId}\"}}, onRefused: {type: "
        "DeadLetter, deadLetter: {address: \"dead.{x}\"}}, ordering: Strict}], unmatched: {type: "
        "Discard}}";
    m.more =
        "  threads: 2\n  logging: {level: Debug, format: Json}\n  drain: {endpointDelay: 250ms}\n"
        "  limits: {maxKeepAlive: 2m, maxPacketSize: 65536}\n";
    const auto g = read(m);
    EXPECT_EQ(g.listeners.at(0).tls->secret.name, "plant-tls");
    EXPECT_EQ(g.listeners[0].tls->client_auth, client_auth_mode::required);
    EXPECT_EQ(g.listeners[0].tls->client_ca->key, "ca.crt");
    const auto& up = g.upstreams.at(0);
    ASSERT_EQ(up.endpoints.size(), 2u);
    EXPECT_TRUE(up.endpoints[0].tls);
    EXPECT_EQ(up.endpoints[0].port, 5671);
    EXPECT_EQ(up.endpoints[1].host, "::1");
    EXPECT_EQ(up.sasl.mechanism, sasl_mechanism::external);
    EXPECT_EQ(up.tls->server_name, "broker.example");
    EXPECT_EQ(up.limits.max_unsettled_bytes, 1'000'000u);
    EXPECT_EQ(up.limits.delivery_timeout, 90s);
    EXPECT_EQ(up.limits.max_attempts, 3u);
    const auto& route = g.routes.publish.at(0);
    EXPECT_THAT(
        route.properties,
        testing::ElementsAre(testing::Pair("z", "1"), testing::Pair("a", "{clientId}"))
    );
    EXPECT_EQ(route.on_refused.type, on_refused_type::dead_letter);
    EXPECT_EQ(route.on_refused.dead_letter_address, "dead.{x}");
    EXPECT_EQ(route.ordering, ordering::strict);
    EXPECT_EQ(g.routes.unmatched, unmatched_policy::discard);
    EXPECT_EQ(g.threads, 2u);
    EXPECT_EQ(g.logging.level, pgw::base::log_level::debug);
    EXPECT_EQ(g.logging.format, pgw::base::log_format::json);
    EXPECT_EQ(g.drain.endpoint_delay, 250ms);
    EXPECT_EQ(g.limits.max_keep_alive, 120s);
    EXPECT_EQ(g.limits.max_packet_size, 65536u);
}

TEST(read_manifest, json_is_yaml) {
    EXPECT_EQ(problems_of(print_manifest_json(read(manifest_text{}))), "");
}

TEST(read_manifest, embedded_without_settings_has_the_defaults) {
    manifest_text m;
    m.upstreams = "[{name: up, type: Embedded}]";
    const auto g = read(m);
    ASSERT_TRUE(g.upstreams.at(0).embedded.has_value());
    EXPECT_EQ(g.upstreams[0].embedded->port, 5672);
}

TEST(read_manifest, what_belongs_to_the_operator_or_to_kubernetes_is_accepted) {
    manifest_text m;
    m.head =
        "apiVersion: protocolgateway.dev/v1alpha1\nkind: ProtocolGateway\nmetadata: {name: test, "
        "namespace: n, labels: {a: b}, annotations: {c: d}}\nstatus: {anything: 1}\n";
    m.more =
        "  shards: 3\n  autoscaling: {maxShards: 4}\n  worker: {image: x}\n  serviceAccount: {}\n  "
        "service: {}\n  rollout: {}\n  disruption: {}\n  monitoring: {}\n  networkPolicy: {}\n";
    EXPECT_EQ(problems_of(m.text()), "");
}

TEST(read_manifest, all_problems_are_reported_at_once_in_the_order_of_the_text) {
    manifest_text m;
    m.listeners = "[{name: mqtt, type: MQQT, port: 70000}]";
    m.authentication = "[]";
    m.more = "  treads: 2\n";
    EXPECT_EQ(
        problems_of(m.text()),
        "spec.listeners[0].type: 'MQQT' is not one of MQTT; did you mean 'MQTT'? (line 5, column "
        "34)\n"
        "spec.listeners[0].port: 70000 is not in 0..65535 (line 5, column 46)\n"
        "spec.authentication: must not be empty (line 6, column 19)\n"
        "spec.treads: is not a known field; did you mean 'threads'? (line 9, column 3)\n"
    );
}

TEST(read_manifest, mistyped_union_type_is_one_problem) {
    manifest_text m;
    m.upstreams = "[{name: up, type: Embeded, embedded: {port: 5672}}]";
    EXPECT_EQ(
        problems_of(m.text()),
        "spec.upstreams[0].type: 'Embeded' is not one of Embedded, Generic, Artemis, RabbitMQ; did "
        "you mean 'Embedded'? (line 7, column 32)\n"
    );
}

// A function instead of a manifest: compilers take minutes over a table of so many strings.
struct fault {
    const char* name;
    manifest_text (*input)();
    const char* expected;
};
void PrintTo(const fault& f, std::ostream* out) {
    *out << f.name;
}

manifest_text with(std::string manifest_text::* part, std::string text) {
    manifest_text m;
    m.*part = std::move(text);
    return m;
}

struct faulty_manifest : testing::TestWithParam<fault> {};

TEST_P(faulty_manifest, is_refused_with_path_and_reason) {
    const auto problems = problems_of(GetParam().input().text());
    EXPECT_THAT(problems, HasSubstr(GetParam().expected));
    EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 1) << problems;
}

std::string upstream_with(const std::string& rest) {
    return "[{name: up, type: Generic, " + rest + "}]";
}
std::string route_with(
    const std::string& topic, const std::string& to, const std::string& rest = ""
) {
    return "{publish: [{name: r, match: {topic: \"" + topic + "\"}, to: {upstream: up, " + to +
           "}" + rest + "}]}";
}

const std::string rabbit = "[{name: up, type: RabbitMQ, endpoints: [\"amqp://127.0.0.1\"]}]";

constexpr fault shape_faults[] = {
    {"api_version",
     [] {
         return with(
             &manifest_text::head, "apiVersion: v1\nkind: ProtocolGateway\nmetadata: {name: a}\n"
         );
     },
     "apiVersion: must be protocolgateway.dev/v1alpha1 (line 1, column 13)"},
    {"kind",
     [] {
         return with(
             &manifest_text::head,
             "apiVersion: protocolgateway.dev/v1alpha1\nkind: Gateway\nmetadata: {name: a}\n"
         );
     },
     "kind: must be ProtocolGateway"},
    {"no_name",
     [] {
         return with(
             &manifest_text::head,
             "apiVersion: protocolgateway.dev/v1alpha1\nkind: ProtocolGateway\nmetadata: {}\n"
         );
     },
     "metadata.name: is required"},
    {"name_too_long",
     [] {
         return with(
             &manifest_text::head,
             "apiVersion: protocolgateway.dev/v1alpha1\nkind: ProtocolGateway\nmetadata: "
             "{name: " +
                 std::string(41, 'a') + "}\n"
         );
     },
     "metadata.name: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is not a DNS label"},
    {"unknown_field",
     [] { return with(&manifest_text::more, "  limits: {maxPacketsize: 1Ki}\n"); },
     "spec.limits.maxPacketsize: is not a known field; did you mean 'maxPacketSize'? (line 9"},
    {"unknown_field_without_a_near_name",
     [] { return with(&manifest_text::more, "  limits: {zzz: 1Ki}\n"); },
     "spec.limits.zzz: is not a known field (line"},
    {"object_expected",
     [] { return with(&manifest_text::more, "  limits: 3\n"); },
     "spec.limits: must be an object, not a scalar"},
    {"null_is_not_an_object",
     [] { return with(&manifest_text::more, "  limits:\n"); },
     "spec.limits: has no value; write one or leave the field out"},
    {"list_expected",
     [] { return with(&manifest_text::authentication, "{name: a, type: Anonymous}"); },
     "spec.authentication: must be a list, not an object"},
    {"number_as_text",
     [] { return with(&manifest_text::more, "  threads: \"2\"\n"); },
     "spec.threads: must be a whole number without quotes"},
    {"fraction",
     [] { return with(&manifest_text::more, "  threads: 1.5\n"); },
     "spec.threads: must be a whole number"},
    {"huge_number",
     [] { return with(&manifest_text::more, "  threads: 99999999999999999999\n"); },
     "spec.threads: '99999999999999999999' is not in 0..1024"},
    {"text_that_is_a_number",
     [] { return with(&manifest_text::routes, route_with("a", "address: 7")); },
     "spec.routes.publish[0].to.address: '7' is not text; write it in quotes"},
    {"text_that_is_a_truth_value_to_kubernetes",
     [] { return with(&manifest_text::routes, route_with("a", "address: on")); },
     "to.address: 'on' is not text"},
    {"size_without_meaning",
     [] { return with(&manifest_text::more, "  limits: {maxPacketSize: 64KB}\n"); },
     "spec.limits.maxPacketSize: must be a size such as"},
    {"packet_size_beyond_mqtt",
     [] {
         return with(
             &manifest_text::more, "  limits: {maxPacketSize: 256Mi, maxInflightBytes: 1Gi}\n"
         );
     },
     "spec.limits.maxPacketSize: 256Mi is not in 256..268435455"},
    {"duration_without_unit",
     [] { return with(&manifest_text::more, "  drain: {timeout: 30}\n"); },
     "spec.drain.timeout: must be a duration with its unit"},
    {"zero_limit",
     [] { return with(&manifest_text::more, "  limits: {receiveMaximum: 0}\n"); },
     "spec.limits.receiveMaximum: 0 is not in 1..65535"},
    {"fraction_of_a_second",
     [] { return with(&manifest_text::more, "  limits: {maxKeepAlive: 1500ms}\n"); },
     "spec.limits.maxKeepAlive: must be a whole number of seconds"},
    {"duplicate_key",
     [] { return with(&manifest_text::more, "  threads: 1\n  threads: 2\n"); },
     "spec.threads: is given twice (line 10, column 3)"},
    {"alias",
     [] { return with(&manifest_text::more, "  logging: &a {level: Info}\n"); },
     "anchors are not allowed (line 9"},
    {"tag",
     [] { return with(&manifest_text::more, "  threads: !!int 3\n"); },
     "tags are not allowed"},
    {"two_documents",
     [] { return with(&manifest_text::more, "---\na: b\n"); },
     "manifest: there is more than one document"},
    {"syntax", [] { return with(&manifest_text::more, "  drain: [}\n"); }, "is not valid YAML: "},
    {"member_of_another_union_type",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqp://127.0.0.1\"], embedded: {port: 1}")
         );
     },
     "spec.upstreams[0].embedded: belongs to type Embedded only"},
    {"dead_letter_of_discard",
     [] {
         return with(
             &manifest_text::routes,
             route_with("a", "address: t", ", onRefused: {type: Discard, deadLetter: {address: d}}")
         );
     },
     "onRefused.deadLetter: belongs to type DeadLetter only"},
    {"dead_letter_without_address",
     [] {
         return with(
             &manifest_text::routes,
             route_with("a", "address: t", ", onRefused: {type: DeadLetter}")
         );
     },
     "onRefused.deadLetter: is required"},
    {"unmatched_as_word",
     [] { return with(&manifest_text::routes, "{unmatched: Refuse}"); },
     "spec.routes.unmatched: must be an object, not a scalar"},
};

INSTANTIATE_TEST_SUITE_P(
    shape,
    faulty_manifest,
    testing::ValuesIn(shape_faults),
    [](const auto& row) { return std::string(row.param.name); }
);

constexpr fault rules_faults[] = {
    {"duplicate_listener_name",
     [] {
         return with(
             &manifest_text::listeners,
             "[{name: a, type: MQTT, port: 1}, {name: a, type: MQTT, port: 2}]"
         );
     },
     "spec.listeners[1].name: 'a' is the name of an earlier one"},
    {"listener_name_is_no_label",
     [] { return with(&manifest_text::listeners, "[{name: A_b, type: MQTT, port: 1}]"); },
     "spec.listeners[0].name: 'A_b' is not a DNS label"},
    {"same_port_twice",
     [] {
         return with(
             &manifest_text::listeners,
             "[{name: a, type: MQTT, address: 127.0.0.1, port: 1883}, {name: b, type: MQTT, "
             "port: "
             "1883}]"
         );
     },
     "spec.listeners[1].port: 1883 on 0.0.0.0 is taken by spec.listeners[0]"},
    {"admin_port_taken",
     [] { return with(&manifest_text::more, "  admin: {port: 1883}\n"); },
     "spec.admin.port: 1883 on 127.0.0.1 is taken by spec.listeners[0]"},
    {"broker_port_taken",
     [] {
         return with(
             &manifest_text::upstreams, "[{name: up, type: Embedded, embedded: {port: 9090}}]"
         );
     },
     "spec.upstreams[0].embedded.port: 9090 on 127.0.0.1 is taken by spec.admin"},
    {"address_is_a_name",
     [] {
         return with(
             &manifest_text::listeners, "[{name: a, type: MQTT, address: localhost, port: 1}]"
         );
     },
     "spec.listeners[0].address: 'localhost' is not an IP address"},
    {"client_ca_missing",
     [] {
         return with(
             &manifest_text::listeners,
             "[{name: a, type: MQTT, port: 1, tls: {secretRef: {name: s}, clientAuth: {mode: "
             "Required}}}]"
         );
     },
     "spec.listeners[0].tls.clientAuth.caSecretRef: is required"},
    {"client_ca_without_effect",
     [] {
         return with(
             &manifest_text::listeners,
             "[{name: a, type: MQTT, port: 1, tls: {secretRef: {name: s}, clientAuth: "
             "{caSecretRef: {name: s, key: k}}}}]"
         );
     },
     "clientAuth.caSecretRef: has no effect with mode None"},
    {"secret_name_that_leaves_its_directory",
     [] {
         return with(
             &manifest_text::listeners,
             "[{name: a, type: MQTT, port: 1, tls: {secretRef: {name: ../etc}}}]"
         );
     },
     "tls.secretRef.name: '../etc' is not the name of a Secret"},
    {"secret_key_that_leaves_its_directory",
     [] {
         return with(
             &manifest_text::listeners,
             "[{name: a, type: MQTT, port: 1, tls: {secretRef: {name: s}, clientAuth: {mode: "
             "Optional, caSecretRef: {name: s, key: ..}}}}]"
         );
     },
     "caSecretRef.key: '..' is not a key of a Secret"},
    {"no_endpoint",
     [] { return with(&manifest_text::upstreams, "[{name: up, type: Generic}]"); },
     "spec.upstreams[0].endpoints: is required: type Generic needs at least one"},
    {"embedded_with_endpoints",
     [] {
         return with(
             &manifest_text::upstreams, "[{name: up, type: Embedded, endpoints: [\"amqp://a\"]}]"
         );
     },
     "spec.upstreams[0].endpoints: does not belong to type Embedded"},
    {"embedded_with_sasl",
     [] {
         return with(
             &manifest_text::upstreams,
             "[{name: up, type: Embedded, sasl: {mechanism: Plain, secretRef: {name: s}}}]"
         );
     },
     "spec.upstreams[0].sasl: does not belong to type Embedded"},
    {"endpoint_scheme",
     [] { return with(&manifest_text::upstreams, upstream_with("endpoints: [\"http://a\"]")); },
     "spec.upstreams[0].endpoints[0]: is not amqp://host:port"},
    {"endpoint_port",
     [] { return with(&manifest_text::upstreams, upstream_with("endpoints: [\"amqp://a:0\"]")); },
     "endpoints[0]: has a port that is not in 1..65535"},
    {"plain_without_secret",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqps://a\"], sasl: {mechanism: Plain}")
         );
     },
     "spec.upstreams[0].sasl.secretRef: is required"},
    {"plain_to_another_host_without_tls",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqp://10.0.0.1\"], sasl: {mechanism: Plain, "
                           "secretRef: {name: s}}")
         );
     },
     "endpoints[0]: must be amqps: SASL Plain would send the password unencrypted"},
    {"external_without_certificate",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqps://a\"], sasl: {mechanism: External}")
         );
     },
     "spec.upstreams[0].tls.secretRef: is required"},
    {"external_without_tls",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with(
                 "endpoints: [\"amqps://a\", \"amqp://b\"], sasl: {mechanism: External}, tls: "
                 "{secretRef: {name: s}}"
             )
         );
     },
     "endpoints[1]: must be amqps: SASL External needs TLS"},
    {"secret_of_anonymous",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqps://a\"], sasl: {secretRef: {name: s}}")
         );
     },
     "sasl.secretRef: is for mechanism Plain only"},
    {"tls_without_effect",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqp://127.0.0.1\"], tls: {serverName: a}")
         );
     },
     "spec.upstreams[0].tls: has no effect"},
    {"reconnect_order",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqps://a\"], limits: {reconnectInitial: 10s, "
                           "reconnectMaximum: 1s}")
         );
     },
     "limits.reconnectInitial: is longer than reconnectMaximum"},
    {"unsettled_bytes_below_packet_size",
     [] {
         return with(
             &manifest_text::upstreams,
             upstream_with("endpoints: [\"amqps://a\"], limits: {maxUnsettledBytes: 64Ki}")
         );
     },
     "limits.maxUnsettledBytes: is less than spec.limits.maxPacketSize"},
    {"inflight_bytes_below_packet_size",
     [] { return with(&manifest_text::more, "  limits: {maxInflightBytes: 64Ki}\n"); },
     "spec.limits.maxInflightBytes: is less than maxPacketSize"},
    {"unknown_upstream",
     [] {
         return with(
             &manifest_text::routes,
             "{publish: [{name: r, match: {topic: a}, to: {upstream: upp, address: t}}]}"
         );
     },
     "spec.routes.publish[0].to.upstream: there is no upstream 'upp'; did you mean 'up'?"},
    {"topic_template",
     [] { return with(&manifest_text::routes, route_with("a/#", "address: t")); },
     "match.topic: wildcards have no meaning in a template; use {name} and {*rest} (at "
     "character 3)"},
    {"value_template",
     [] { return with(&manifest_text::routes, route_with("a", "address: \"t{\"")); },
     "to.address: '{' is not closed"},
    {"empty_address",
     [] { return with(&manifest_text::routes, route_with("a", "address: \"\"")); },
     "to.address: must not be empty"},
    {"unbound_variable",
     [] {
         return with(
             &manifest_text::routes, route_with("a/{kind}", "address: t, subject: \"{kid}\"")
         );
     },
     "to.subject: variable 'kid' is neither bound by match.topic nor built in; did you mean "
     "'kind'?"},
    {"unbound_variable_in_property",
     [] {
         return with(
             &manifest_text::routes, route_with("a", "address: t, properties: {p: \"{x}\"}")
         );
     },
     "spec.routes.publish[0].to.properties.p: variable 'x' is neither"},
    {"unbound_variable_in_dead_letter",
     [] {
         return with(
             &manifest_text::routes,
             route_with(
                 "a",
                 "address: t",
                 ", onRefused: {type: DeadLetter, deadLetter: {address: \"{x}\"}}"
             )
         );
     },
     "onRefused.deadLetter.address: variable 'x' is neither"},
    {"bound_built_in",
     [] { return with(&manifest_text::routes, route_with("a/{clientId}", "address: t")); },
     "match.topic: 'clientId' is a built-in variable"},
    {"address_that_may_be_empty",
     [] { return with(&manifest_text::routes, route_with("a/{x=}", "address: \"{x}\"")); },
     "to.address: variable 'x' may be empty"},
    {"reserved_property",
     [] {
         return with(
             &manifest_text::routes, route_with("a", "address: t, properties: {mqtt-topic: a}")
         );
     },
     "to.properties.mqtt-topic: names that begin with 'mqtt-' are reserved"},
    {"reserved_annotation",
     [] {
         return with(
             &manifest_text::routes, route_with("a", "address: t, properties: {x-opt-a: a}")
         );
     },
     "names that begin with 'x-opt-' are reserved"},
};

INSTANTIATE_TEST_SUITE_P(
    rules,
    faulty_manifest,
    testing::ValuesIn(rules_faults),
    [](const auto& row) { return std::string(row.param.name); }
);

TEST(read_manifest, rabbitmq_takes_constant_addresses_only) {
    manifest_text m;
    m.upstreams = rabbit;
    m.routes = route_with("a/{x}", "address: \"q{x}\"");
    EXPECT_THAT(problems_of(m.text()), HasSubstr("to.address: must not hold variables: RabbitMQ"));
    m.routes = route_with("a/{x}", "address: /amq/queue/q, subject: \"{x}\"");
    EXPECT_EQ(problems_of(m.text()), "");
}

TEST(read_manifest, plain_without_tls_is_allowed_on_this_machine) {
    for (const std::string host : {"127.0.0.1", "127.8.9.1", "localhost", "[::1]"}) {
        manifest_text m;
        m.upstreams = upstream_with(
            "endpoints: [\"amqp://" + host +
            ":5672\"], sasl: {mechanism: Plain, secretRef: {name: s}}"
        );
        EXPECT_EQ(problems_of(m.text()), "") << host;
    }
}

TEST(read_manifest, passwords_in_endpoints_do_not_reach_the_problem_text) {
    manifest_text m;
    m.upstreams = upstream_with("endpoints: [\"amqp://user:hunter2@host\"]");
    const auto problems = problems_of(m.text());
    EXPECT_THAT(problems, HasSubstr("endpoints[0]: holds credentials"));
    EXPECT_THAT(problems, testing::Not(HasSubstr("hunter2")));
}

TEST(read_manifest, any_free_port_may_be_asked_for_twice) {
    manifest_text m;
    m.listeners = "[{name: a, type: MQTT, port: 0}, {name: b, type: MQTT, port: 0}]";
    m.more = "  admin: {port: 0}\n";
    EXPECT_EQ(problems_of(m.text()), "");
}

TEST(print_manifest, is_a_fixed_point_and_holds_all_defaults) {
    for (const auto& entry : std::filesystem::directory_iterator(PGW_SOURCE_DIR "/examples")) {
        if (entry.path().extension() != ".yaml") continue;
        SCOPED_TRACE(entry.path());
        const auto first = read_manifest(file_text(entry.path()));
        ASSERT_TRUE(std::holds_alternative<gateway>(first));
        const auto printed = print_manifest(std::get<gateway>(first));
        EXPECT_THAT(printed, HasSubstr("\n    maxConnections: "));
        const auto second = read_manifest(printed);
        ASSERT_TRUE(std::holds_alternative<gateway>(second)) << problems_of(printed) << printed;
        EXPECT_EQ(print_manifest(std::get<gateway>(second)), printed);
        EXPECT_EQ(
            print_manifest_json(std::get<gateway>(second)),
            print_manifest_json(std::get<gateway>(first))
        );
    }
}

TEST(print_manifest, awkward_text_survives) {
    manifest_text m;
    m.routes = route_with(
        "a",
        "address: \"true\", subject: \"- x: #\\\"\\\\ \\u00e9\", properties: {\"1\": \"\", \"a "
        "b\": "
        "\" 0x10\"}"
    );
    const auto g = read(m);
    const auto again = read_manifest(print_manifest(g));
    ASSERT_TRUE(std::holds_alternative<gateway>(again)) << problems_of(print_manifest(g));
    const auto& route = std::get<gateway>(again).routes.publish.at(0);
    EXPECT_EQ(route.address, "true");
    EXPECT_EQ(route.subject, "- x: #\"\\ é");
    EXPECT_EQ(route.properties, g.routes.publish.at(0).properties);
}

TEST(validate, gateways_made_in_memory_obey_the_same_rules) {
    gateway g;
    const auto problems = validate(g);
    std::vector<std::string> paths;
    for (const auto& p : problems) paths.push_back(p.path);
    EXPECT_THAT(
        paths,
        testing::IsSupersetOf(
            {"metadata.name", "spec.listeners", "spec.authentication", "spec.upstreams"}
        )
    );
}

}  // namespace
