// What can be wrong with a packet, and the reason code that says so to the peer.
#pragma once

#include "worker/mqtt/reason_code.hpp"

#include <cstdint>

namespace pgw::mqtt {

enum class errc : std::uint8_t {
    ok,
    truncated,                 ///< The packet ends inside a field.
    trailing_bytes,            ///< Bytes follow the last field.
    invalid_packet_type,       ///< Type 0, or AUTH before MQTT 5.
    reserved_bits,             ///< A reserved flag has the wrong value.
    invalid_qos,               ///< QoS 3.
    invalid_dup,               ///< DUP with QoS 0 [MQTT-3.3.1-2].
    invalid_variable_integer,  ///< More than four bytes, or not minimal [MQTT-1.5.5-1].
    invalid_utf8,              ///< Not UTF-8, a surrogate, or U+0000 [MQTT-1.5.4-1, -2].
    invalid_property,          ///< Unknown, or not for this packet (section 2.2.2.2).
    invalid_reason_code,       ///< Not one of this packet's.
    invalid_connect_flags,     ///< Will QoS or Retain without Will, password without user name.
    unsupported_protocol,      ///< The protocol name is neither MQTT nor MQIsdp.
    unsupported_version,       ///< The protocol level is none of ours.
    invalid_packet_id,         ///< 0 [MQTT-2.2.1-3].
    duplicate_property,        ///< A property that may appear once appears again.
    invalid_property_value,    ///< Outside of the property's range.
    missing_topic,             ///< An empty topic without a topic alias.
    empty_subscription,        ///< SUBSCRIBE or UNSUBSCRIBE without a filter.
    shared_no_local,           ///< No Local on a shared subscription [MQTT-3.8.3-4].
    missing_authentication,    ///< Authentication Data or AUTH without Authentication Method.
    invalid_topic_alias,       ///< Topic alias 0 [MQTT-3.3.2-8].
    invalid_topic_name,        ///< Empty or with a wildcard [MQTT-3.3.2-2], [MQTT-4.7.3-1].
    invalid_topic_filter,      ///< [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.8.2-1].
    limit_exceeded,            ///< More user properties or filters than decode_limits allow.
    packet_too_large,          ///< Above the maximum packet size.
    unencodable,               ///< Encoding only: a value or a length outside of its range.
};

/// One sentence for logs and Reason Strings.
const char* describe(errc error) noexcept;

/// The reason code for DISCONNECT or CONNACK.
reason_code to_reason(errc error) noexcept;

}  // namespace pgw::mqtt
