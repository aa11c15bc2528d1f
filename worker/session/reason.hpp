// What a device is told: the core's results and the causes of closing as MQTT answers. The tables
// of docs/mapping.md and docs/protocol-conformance.md are these functions.
#pragma once

#include "worker/bridge/message.hpp"
#include "worker/mqtt/reason_code.hpp"
#include "worker/session/session.hpp"

namespace pgw::session {

/// The PUBACK reason code of MQTT 5.
constexpr mqtt::reason_code puback_reason(const bridge::result& result) noexcept {
    using mqtt::reason_code;
    switch (result.kind) {
        case bridge::result_class::accepted:
            return reason_code::success;
        case bridge::result_class::retry:
            return reason_code::quota_exceeded;
        case bridge::result_class::expired:
            return reason_code::unspecified_error;
        case bridge::result_class::refused:
            break;
    }
    switch (result.refusal) {
        case bridge::refusal::implementation:
            return reason_code::implementation_specific_error;
        case bridge::refusal::not_authorized:
            return reason_code::not_authorized;
        case bridge::refusal::no_route:
            return reason_code::topic_name_invalid;
        case bridge::refusal::quota:
            return reason_code::quota_exceeded;
        case bridge::refusal::payload_format:
            return reason_code::payload_format_invalid;
        case bridge::refusal::none:
        case bridge::refusal::unspecified:
            break;
    }
    return reason_code::unspecified_error;
}

/// What MQTT 3.x, whose PUBACK can only mean acceptance, does with a result.
constexpr ack_state puback_v3(const bridge::result& result) noexcept {
    const bool acknowledge = result.kind == bridge::result_class::accepted ||
                             result.silent == bridge::silent_refusal::acknowledge;
    return acknowledge ? ack_state::acknowledge : ack_state::disconnect;
}

/// The DISCONNECT reason code of MQTT 5 for a cause of the server's own.
constexpr mqtt::reason_code disconnect_reason(close_cause cause) noexcept {
    using mqtt::reason_code;
    switch (cause) {
        case close_cause::keep_alive_timeout:
        case close_cause::packet_timeout:
            return reason_code::keep_alive_timeout;
        case close_cause::malformed_packet:
            return reason_code::malformed_packet;
        case close_cause::protocol_error:
            return reason_code::protocol_error;
        case close_cause::packet_too_large:
            return reason_code::packet_too_large;
        case close_cause::not_authorized:
            return reason_code::not_authorized;
        case close_cause::receive_maximum_exceeded:
            return reason_code::receive_maximum_exceeded;
        case close_cause::taken_over:
            return reason_code::session_taken_over;
        case close_cause::stalled:
            return reason_code::quota_exceeded;
        case close_cause::overloaded:
            return reason_code::server_busy;
        case close_cause::draining:
            return reason_code::server_shutting_down;
        case close_cause::internal_error:
            return reason_code::implementation_specific_error;
        case close_cause::none:
        case close_cause::client_disconnect:
        case close_cause::transport_closed:
        case close_cause::connect_timeout:
        case close_cause::unsupported_version:
        case close_cause::identifier_rejected:
        case close_cause::refused_publication:
            break;
    }
    return reason_code::unspecified_error;
}

/// The cause to count for a packet that could not be decoded.
inline close_cause cause_of(mqtt::errc error) noexcept {
    switch (mqtt::to_reason(error)) {
        case mqtt::reason_code::malformed_packet:
            return close_cause::malformed_packet;
        case mqtt::reason_code::packet_too_large:
            return close_cause::packet_too_large;
        case mqtt::reason_code::unsupported_protocol_version:
            return close_cause::unsupported_version;
        default:
            return close_cause::protocol_error;
    }
}

}  // namespace pgw::session
