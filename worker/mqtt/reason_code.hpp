// The reason codes of MQTT 5 (section 2.4), which packet may carry which, and CONNACK's return
// codes of 3.x.
#pragma once

#include "worker/mqtt/types.hpp"

#include <cstdint>
#include <string_view>

namespace pgw::mqtt {

enum class reason_code : std::uint8_t {
    success = 0x00,  ///< Also Normal disconnection and Granted QoS 0.
    granted_qos_1 = 0x01,
    granted_qos_2 = 0x02,
    disconnect_with_will = 0x04,
    no_matching_subscribers = 0x10,
    no_subscription_existed = 0x11,
    continue_authentication = 0x18,
    reauthenticate = 0x19,
    unspecified_error = 0x80,
    malformed_packet = 0x81,
    protocol_error = 0x82,
    implementation_specific_error = 0x83,
    unsupported_protocol_version = 0x84,
    client_identifier_not_valid = 0x85,
    bad_user_name_or_password = 0x86,
    not_authorized = 0x87,
    server_unavailable = 0x88,
    server_busy = 0x89,
    banned = 0x8A,
    server_shutting_down = 0x8B,
    bad_authentication_method = 0x8C,
    keep_alive_timeout = 0x8D,
    session_taken_over = 0x8E,
    topic_filter_invalid = 0x8F,
    topic_name_invalid = 0x90,
    packet_identifier_in_use = 0x91,
    packet_identifier_not_found = 0x92,
    receive_maximum_exceeded = 0x93,
    topic_alias_invalid = 0x94,
    packet_too_large = 0x95,
    message_rate_too_high = 0x96,
    quota_exceeded = 0x97,
    administrative_action = 0x98,
    payload_format_invalid = 0x99,
    retain_not_supported = 0x9A,
    qos_not_supported = 0x9B,
    use_another_server = 0x9C,
    server_moved = 0x9D,
    shared_subscriptions_not_supported = 0x9E,
    connection_rate_exceeded = 0x9F,
    maximum_connect_time = 0xA0,
    subscription_identifiers_not_supported = 0xA1,
    wildcard_subscriptions_not_supported = 0xA2,
};

/// The return codes of a 3.x CONNACK (3.1.1 section 3.2.2.3).
enum class connect_return_code : std::uint8_t {
    accepted = 0,
    unacceptable_protocol_version = 1,
    identifier_rejected = 2,
    server_unavailable = 3,
    bad_user_name_or_password = 4,
    not_authorized = 5,
};

/// Whether an MQTT 5 packet of this type may carry this code, from either side.
bool allowed(packet_type type, std::uint8_t code) noexcept;

/// Whether a 3.1.1 SUBACK may carry this code [MQTT-3.9.3-2].
constexpr bool allowed_in_suback_v3(std::uint8_t code) noexcept {
    return code <= 2 || code == 0x80;
}

/// The name in the specification's table, such as "Topic Name invalid".
std::string_view name(reason_code code) noexcept;

/// The 3.x return code that says the same as a CONNACK reason code of 5.0; none says it:
/// `accepted`.
connect_return_code to_v3(reason_code code) noexcept;

}  // namespace pgw::mqtt
