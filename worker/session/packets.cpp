// Everything a connected client may send besides PUBLISH.
#include "worker/mqtt/encode.hpp"
#include "worker/mqtt/topic.hpp"
#include "worker/session/session.hpp"
#include "worker/session/thread_memory.hpp"

#include <vector>

namespace pgw::session {
namespace {

using mqtt::reason_code;

/// Subscriptions are not served: CONNACK has announced so where MQTT 5 can.
reason_code refusal_of(const mqtt::subscription& entry, bool with_identifier, bool v5) {
    if (!v5) return reason_code::unspecified_error;  // 3.1.1: 0x80 is the only refusal.
    if (mqtt::is_shared(entry.filter)) return reason_code::shared_subscriptions_not_supported;
    if (mqtt::has_wildcard(entry.filter)) {
        return reason_code::wildcard_subscriptions_not_supported;
    }
    if (with_identifier) return reason_code::subscription_identifiers_not_supported;
    return reason_code::implementation_specific_error;
}

}  // namespace

/// False: the packet has to wait and stays unconsumed.
bool client_session::on_frame(const mqtt::frame& frame, base::time_point now) {
    if (frame.type == mqtt::packet_type::publish) return on_publish(frame, now);
    const mqtt::decode_limits limits{.max_user_properties = services_.limits.max_user_properties};
    const auto packet = mqtt::decode(frame, version_, limits, services_.clients.impl_->buffers);
    if (packet) {
        on_packet(*packet);
    } else {
        fail(packet.error());
    }
    return true;
}

void client_session::on_packet(const mqtt::packet& packet) {
    if (std::holds_alternative<mqtt::pingreq>(packet)) {
        trim();
        mqtt::append_pingresp(output_);  // [MQTT-3.12.4-1]
    } else if (const auto* disconnect = std::get_if<mqtt::disconnect>(&packet)) {
        on_disconnect(*disconnect);
    } else if (const auto* subscribe = std::get_if<mqtt::subscribe>(&packet)) {
        on_subscribe(*subscribe);
    } else if (const auto* unsubscribe = std::get_if<mqtt::unsubscribe>(&packet)) {
        on_unsubscribe(*unsubscribe);
    } else if (const auto* pubrel = std::get_if<mqtt::pubrel>(&packet)) {
        // No QoS 2 publication is ever open here; 3.x answers any PUBREL.
        send(mqtt::pubcomp{
            .packet_id = pubrel->packet_id, .reason = reason_code::packet_identifier_not_found
        });
    } else if (const auto* pubrec = std::get_if<mqtt::pubrec>(&packet)) {
        // Of nothing that was sent: the other side gets rid of it.
        send(mqtt::pubrel{
            .packet_id = pubrec->packet_id, .reason = reason_code::packet_identifier_not_found
        });
    } else if (std::holds_alternative<mqtt::puback>(packet) ||
               std::holds_alternative<mqtt::pubcomp>(packet)) {
        // Acknowledgements of what was never sent, or on an earlier connection: brokers ignore
        // them, and clients rely on it.
    } else {
        // A second CONNECT [MQTT-3.1.0-2], AUTH without a method, and what only a server sends.
        fail(reason_code::protocol_error, close_cause::protocol_error, "unexpected packet");
    }
}

void client_session::on_subscribe(const mqtt::subscribe& packet) {
    auto& reasons = services_.clients.impl_->buffers.reasons;
    const bool with_identifier = packet.properties.subscription_identifier.has_value();
    reasons.clear();
    for (const auto& entry : packet.subscriptions) {
        reasons.push_back(refusal_of(entry, with_identifier, v5()));
    }
    send(mqtt::suback{.packet_id = packet.packet_id, .reasons = reasons});  // [MQTT-3.8.4-1]
}

void client_session::on_unsubscribe(const mqtt::unsubscribe& packet) {
    auto& reasons = services_.clients.impl_->buffers.reasons;
    reasons.assign(packet.filters.size(), reason_code::no_subscription_existed);
    send(mqtt::unsuback{.packet_id = packet.packet_id, .reasons = reasons});  // [MQTT-3.10.4-4]
}

void client_session::on_disconnect(const mqtt::disconnect& packet) {
    // Section 3.14.2.2.2: the expiry cannot be raised from 0; a server reference is the server's.
    if ((packet.properties.session_expiry_interval.value_or(0) > 0 && !expiry_asked_) ||
        packet.properties.server_reference) {
        return fail(reason_code::protocol_error, close_cause::protocol_error, "bad DISCONNECT");
    }
    if (packet.reason == reason_code::success) forget_will();  // [MQTT-3.14.4-3]
    finish(close_cause::client_disconnect);
}

}  // namespace pgw::session
