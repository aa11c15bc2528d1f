// The table of MQTT 5 section 2.4: each reason code, its name and the packets that may carry it.
#include "worker/mqtt/reason_code.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>

namespace pgw::mqtt {
namespace {

constexpr std::uint16_t bit(packet_type type) {
    return std::uint16_t(1u << unsigned(type));
}

constexpr std::uint16_t any_of(std::initializer_list<packet_type> types) {
    std::uint16_t mask = 0;
    for (const auto type : types) mask = std::uint16_t(mask | bit(type));
    return mask;
}

struct row {
    reason_code code;
    std::uint16_t packets;
    std::string_view text;
};

using enum packet_type;
using rc = reason_code;

constexpr row table[] = {
    {rc::success,
     any_of(
         {connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, packet_type::auth}
     ),
     "Success"},
    {rc::granted_qos_1, any_of({suback}), "Granted QoS 1"},
    {rc::granted_qos_2, any_of({suback}), "Granted QoS 2"},
    {rc::disconnect_with_will, any_of({disconnect}), "Disconnect with Will Message"},
    {rc::no_matching_subscribers, any_of({puback, pubrec}), "No matching subscribers"},
    {rc::no_subscription_existed, any_of({unsuback}), "No subscription existed"},
    {rc::continue_authentication, any_of({packet_type::auth}), "Continue authentication"},
    {rc::reauthenticate, any_of({packet_type::auth}), "Re-authenticate"},
    {rc::unspecified_error,
     any_of({connack, puback, pubrec, suback, unsuback, disconnect}),
     "Unspecified error"},
    {rc::malformed_packet, any_of({connack, disconnect}), "Malformed Packet"},
    {rc::protocol_error, any_of({connack, disconnect}), "Protocol Error"},
    {rc::implementation_specific_error,
     any_of({connack, puback, pubrec, suback, unsuback, disconnect}),
     "Implementation specific error"},
    {rc::unsupported_protocol_version, any_of({connack}), "Unsupported Protocol Version"},
    {rc::client_identifier_not_valid, any_of({connack}), "Client Identifier not valid"},
    {rc::bad_user_name_or_password, any_of({connack}), "Bad User Name or Password"},
    {rc::not_authorized,
     any_of({connack, puback, pubrec, suback, unsuback, disconnect}),
     "Not authorized"},
    {rc::server_unavailable, any_of({connack}), "Server unavailable"},
    {rc::server_busy, any_of({connack, disconnect}), "Server busy"},
    {rc::banned, any_of({connack}), "Banned"},
    {rc::server_shutting_down, any_of({disconnect}), "Server shutting down"},
    {rc::bad_authentication_method, any_of({connack, disconnect}), "Bad authentication method"},
    {rc::keep_alive_timeout, any_of({disconnect}), "Keep Alive timeout"},
    {rc::session_taken_over, any_of({disconnect}), "Session taken over"},
    {rc::topic_filter_invalid, any_of({suback, unsuback, disconnect}), "Topic Filter invalid"},
    {rc::topic_name_invalid, any_of({connack, puback, pubrec, disconnect}), "Topic Name invalid"},
    {rc::packet_identifier_in_use,
     any_of({puback, pubrec, suback, unsuback}),
     "Packet Identifier in use"},
    {rc::packet_identifier_not_found, any_of({pubrel, pubcomp}), "Packet Identifier not found"},
    {rc::receive_maximum_exceeded, any_of({disconnect}), "Receive Maximum exceeded"},
    {rc::topic_alias_invalid, any_of({disconnect}), "Topic Alias invalid"},
    {rc::packet_too_large, any_of({connack, disconnect}), "Packet too large"},
    {rc::message_rate_too_high, any_of({disconnect}), "Message rate too high"},
    {rc::quota_exceeded, any_of({connack, puback, pubrec, suback, disconnect}), "Quota exceeded"},
    {rc::administrative_action, any_of({disconnect}), "Administrative action"},
    {rc::payload_format_invalid,
     any_of({connack, puback, pubrec, disconnect}),
     "Payload format invalid"},
    {rc::retain_not_supported, any_of({connack, disconnect}), "Retain not supported"},
    {rc::qos_not_supported, any_of({connack, disconnect}), "QoS not supported"},
    {rc::use_another_server, any_of({connack, disconnect}), "Use another server"},
    {rc::server_moved, any_of({connack, disconnect}), "Server moved"},
    {rc::shared_subscriptions_not_supported,
     any_of({suback, disconnect}),
     "Shared Subscriptions not supported"},
    {rc::connection_rate_exceeded, any_of({connack, disconnect}), "Connection rate exceeded"},
    {rc::maximum_connect_time, any_of({disconnect}), "Maximum connect time"},
    {rc::subscription_identifiers_not_supported,
     any_of({suback, disconnect}),
     "Subscription Identifiers not supported"},
    {rc::wildcard_subscriptions_not_supported,
     any_of({suback, disconnect}),
     "Wildcard Subscriptions not supported"},
};

constexpr auto by_code = [] {
    std::array<std::uint16_t, 256> masks{};
    for (const auto& entry : table) masks[std::uint8_t(entry.code)] = entry.packets;
    return masks;
}();

}  // namespace

bool allowed(packet_type type, std::uint8_t code) noexcept {
    return (by_code[code] & bit(type)) != 0;
}

std::string_view name(reason_code code) noexcept {
    const auto* found = std::find_if(std::begin(table), std::end(table), [code](const row& entry) {
        return entry.code == code;
    });
    return found == std::end(table) ? std::string_view("unknown") : found->text;
}

connect_return_code to_v3(reason_code code) noexcept {
    switch (code) {
        case rc::unsupported_protocol_version:
            return connect_return_code::unacceptable_protocol_version;
        case rc::client_identifier_not_valid:
            return connect_return_code::identifier_rejected;
        case rc::server_unavailable:
        case rc::server_busy:
            return connect_return_code::server_unavailable;
        case rc::bad_user_name_or_password:
            return connect_return_code::bad_user_name_or_password;
        case rc::not_authorized:
        case rc::banned:
            return connect_return_code::not_authorized;
        default:
            return connect_return_code::accepted;
    }
}

}  // namespace pgw::mqtt
