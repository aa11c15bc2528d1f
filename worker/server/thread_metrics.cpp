#include "worker/server/worker_thread.hpp"

namespace pgw::server {
namespace {

using labels = base::metrics_registry::labels;

void enroll(base::metrics_registry& r, const server_metrics& m) {
    r.add("pgw_connections_accepted_total", "Device connections accepted.", {}, m.accepted);
    r.add(
        "pgw_connections_moved_total",
        "Connections handed to the client's home thread.",
        {},
        m.moved
    );
    r.add(
        "pgw_connections_refused_total",
        "Connections closed at once.",
        {{"reason", "limit"}},
        m.refused_limit
    );
    r.add(
        "pgw_connections_refused_total",
        "Connections closed at once.",
        {{"reason", "descriptors"}},
        m.refused_descriptors
    );
    r.add(
        "pgw_connections_evicted_total",
        "Connections closed to make place or room for others.",
        {{"reason", "pending"}},
        m.evicted
    );
    r.add(
        "pgw_connections_evicted_total",
        "Connections closed to make place or room for others.",
        {{"reason", "buffered_bytes"}},
        m.shed
    );
    r.add(
        "pgw_accept_errors_total",
        "Failed accepts, such as running out of descriptors.",
        {},
        m.accept_errors
    );
    r.add(
        "pgw_tls_handshake_failures_total",
        "TLS handshakes of devices that failed.",
        {},
        m.tls_failures
    );
    r.add("pgw_device_received_bytes_total", "Bytes read from devices.", {}, m.bytes_in);
    r.add("pgw_device_sent_bytes_total", "Bytes written to devices.", {}, m.bytes_out);
    r.add("pgw_connections_open", "Open device sockets.", {}, m.open);
}

void enroll(base::metrics_registry& r, const session::session_metrics& m) {
    r.add("pgw_mqtt_connects_total", "CONNECTs accepted.", {{"version", "3"}}, m.connects_v3);
    r.add("pgw_mqtt_connects_total", "CONNECTs accepted.", {{"version", "5"}}, m.connects_v5);
    r.add(
        "pgw_mqtt_publishes_total", "PUBLISH packets received.", {{"qos", "0"}}, m.publishes_qos0
    );
    r.add(
        "pgw_mqtt_publishes_total", "PUBLISH packets received.", {{"qos", "1"}}, m.publishes_qos1
    );
    r.add("pgw_mqtt_pubacks_total", "PUBACK packets sent.", {}, m.pubacks);
    r.add(
        "pgw_mqtt_payload_bytes_total",
        "Payload bytes of PUBLISH packets received.",
        {},
        m.payload_bytes
    );
    r.add(
        "pgw_mqtt_publishes_too_deep_total",
        "PUBLISH packets with too many topic levels.",
        {},
        m.publishes_too_deep
    );
    r.add(
        "pgw_mqtt_qos0_refused_total",
        "QoS 0 publications that were refused without a word.",
        {},
        m.qos0_refused
    );
    r.add(
        "pgw_mqtt_wills_total",
        "Wills, by what became of them.",
        {{"result", "published"}},
        m.wills_published
    );
    r.add(
        "pgw_mqtt_wills_total", "Wills, by what became of them.", {{"result", "lost"}}, m.wills_lost
    );
    r.add(
        "pgw_mqtt_wills_delayed_total",
        "Wills that had to wait for room or for the client's earlier publications.",
        {},
        m.wills_delayed
    );
    r.add("pgw_mqtt_wills_waiting", "Wills that wait to be published.", {}, m.wills_waiting);
    r.add(
        "pgw_mqtt_system_dropped_total",
        "Publications to $SYS/ topics: acknowledged and dropped.",
        {},
        m.system_dropped
    );
    for (std::size_t i = 1; i < session::close_cause_count; ++i) {
        r.add(
            "pgw_mqtt_closes_total",
            "Connections that ended, by cause.",
            {{"cause", std::string(session::name(static_cast<session::close_cause>(i)))}},
            m.closes[i]
        );
    }
    r.add("pgw_mqtt_clients", "Connected clients.", {}, m.connected);
    r.add(
        "pgw_mqtt_clients_paused",
        "Clients whose socket is not read because a window is full.",
        {},
        m.paused
    );
}

void enroll(base::metrics_registry& r, const bridge::publisher_metrics& m) {
    r.add(
        "pgw_publications_received_total", "Publications submitted to the bridge.", {}, m.received
    );
    const auto result = [&](const char* value, const base::counter& c) {
        r.add(
            "pgw_publications_total", "Publications by what became of them.", {{"result", value}}, c
        );
    };
    result("accepted", m.accepted);
    result("refused", m.refused);
    result("expired", m.expired);
    result("timed_out", m.timed_out);
    result("dropped", m.dropped);
    r.add(
        "pgw_publications_discarded_total",
        "Acknowledged though refused, because a policy says so.",
        {},
        m.discarded
    );
    r.add(
        "pgw_publications_dead_lettered_total",
        "Refused and kept at the dead letter address.",
        {},
        m.dead_lettered
    );
    r.add(
        "pgw_publications_unmatched_total", "Publications that no route matched.", {}, m.unmatched
    );
    r.add(
        "pgw_publications_bound_exceeded_total",
        "Publications refused because their encoding was larger than computed: a fault of the "
        "worker.",
        {},
        m.bound_exceeded
    );
    r.add("pgw_publications_resent_total", "Sends after the first.", {}, m.resent);
    r.add(
        "pgw_publications_possible_duplicates_total",
        "Resent while the first send was in doubt.",
        {},
        m.possible_duplicates
    );
    r.add("pgw_publications_in_flight", "Publications without an outcome.", {}, m.in_flight);
    r.add("pgw_publications_in_flight_bytes", "Their encoded size.", {}, m.in_flight_bytes);
    r.add(
        "pgw_publication_latency_seconds",
        "From submission to the upstream's outcome.",
        {},
        m.latency
    );
}

void enroll(base::metrics_registry& r, const std::string& upstream, const amqp::uplink_metrics& m) {
    const labels at{{"upstream", upstream}};
    const auto outcome = [&](const char* value, const base::counter& c) {
        r.add(
            "pgw_upstream_outcomes_total",
            "Outcomes by kind.",
            {{"upstream", upstream}, {"outcome", value}},
            c
        );
    };
    r.add("pgw_upstream_connects_total", "AMQP connections opened.", at, m.connects);
    r.add(
        "pgw_upstream_connection_failures_total",
        "AMQP connections that failed or were lost.",
        at,
        m.connection_failures
    );
    r.add(
        "pgw_upstream_messages_sent_total", "Messages handed to AMQP links.", at, m.messages_sent
    );
    outcome("accepted", m.outcomes_accepted);
    outcome("rejected", m.outcomes_rejected);
    outcome("released", m.outcomes_released);
    outcome("modified", m.outcomes_modified);
    outcome("other", m.outcomes_other);
    r.add(
        "pgw_upstream_in_doubt_total",
        "Unsettled deliveries when a link was lost.",
        at,
        m.lost_in_doubt
    );
    r.add("pgw_upstream_connections", "AMQP connections that are open.", at, m.connected);
    r.add("pgw_upstream_credit", "Link credit left.", at, m.credit);
}

}  // namespace

void worker_thread::register_metrics(base::metrics_registry& registry) {
    enroll(registry, metrics_);
    enroll(registry, session_metrics_);
    enroll(registry, publisher_metrics_);
    for (const auto& [name, metrics] : uplink_metrics_) enroll(registry, name, metrics);
}

}  // namespace pgw::server
