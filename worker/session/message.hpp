// A decoded PUBLISH as the core's message.
#pragma once

#include "worker/bridge/message.hpp"
#include "worker/mqtt/packet.hpp"

#include <vector>

namespace pgw::session {

/// The views of the message are those of the packet; `properties` holds its user properties and
/// must live as long. The topic is resolved already.
inline bridge::message to_message(
    const mqtt::publish& packet, std::vector<bridge::property>& properties
) {
    const auto& from = packet.properties;
    properties.clear();
    for (const auto& entry : from.user_properties) properties.push_back({entry.key, entry.value});
    bridge::message to;
    to.topic = packet.topic;
    to.payload = packet.payload;
    to.assurance = bridge::assurance(packet.qos);
    to.retain = packet.retain;
    to.duplicate = packet.dup;
    if (from.payload_format_indicator) {
        to.format = *from.payload_format_indicator ? bridge::payload_format::utf8
                                                   : bridge::payload_format::binary;
    }
    to.expiry_seconds = from.message_expiry_interval;
    to.content_type = from.content_type;
    to.response_topic = from.response_topic;
    to.correlation_data = from.correlation_data;
    to.properties = properties;
    return to;
}

static_assert(
    int(bridge::assurance::exactly_once) == int(mqtt::qos::exactly_once) &&
    int(bridge::assurance::at_least_once) == int(mqtt::qos::at_least_once)
);

}  // namespace pgw::session
