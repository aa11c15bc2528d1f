// The properties of MQTT 5 (section 2.2.2), one struct for each packet that has any.
//
// The views point into the packet they were decoded from; the spans into the decode_buffers.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/mqtt/types.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pgw::mqtt {

enum class property_id : std::uint8_t {
    payload_format_indicator = 0x01,
    message_expiry_interval = 0x02,
    content_type = 0x03,
    response_topic = 0x08,
    correlation_data = 0x09,
    subscription_identifier = 0x0B,
    session_expiry_interval = 0x11,
    assigned_client_identifier = 0x12,
    server_keep_alive = 0x13,
    authentication_method = 0x15,
    authentication_data = 0x16,
    request_problem_information = 0x17,
    will_delay_interval = 0x18,
    request_response_information = 0x19,
    response_information = 0x1A,
    server_reference = 0x1C,
    reason_string = 0x1F,
    receive_maximum = 0x21,
    topic_alias_maximum = 0x22,
    topic_alias = 0x23,
    maximum_qos = 0x24,
    retain_available = 0x25,
    user_property = 0x26,
    maximum_packet_size = 0x27,
    wildcard_subscription_available = 0x28,
    subscription_identifier_available = 0x29,
    shared_subscription_available = 0x2A,
};

using user_properties = std::span<const user_property>;

struct connect_properties {
    std::optional<std::uint32_t> session_expiry_interval{};
    std::optional<std::uint16_t> receive_maximum{};
    std::optional<std::uint32_t> maximum_packet_size{};
    std::optional<std::uint16_t> topic_alias_maximum{};
    std::optional<bool> request_response_information{};
    std::optional<bool> request_problem_information{};
    std::optional<std::string_view> authentication_method{};
    std::optional<base::bytes_view> authentication_data{};
    mqtt::user_properties user_properties{};
};

struct will_properties {
    std::optional<std::uint32_t> will_delay_interval{};
    std::optional<bool> payload_format_indicator{};  ///< true: UTF-8.
    std::optional<std::uint32_t> message_expiry_interval{};
    std::optional<std::string_view> content_type{};
    std::optional<std::string_view> response_topic{};
    std::optional<base::bytes_view> correlation_data{};
    mqtt::user_properties user_properties{};
};

struct connack_properties {
    std::optional<std::uint32_t> session_expiry_interval{};
    std::optional<std::uint16_t> receive_maximum{};
    std::optional<std::uint8_t> maximum_qos{};
    std::optional<bool> retain_available{};
    std::optional<std::uint32_t> maximum_packet_size{};
    std::optional<std::string_view> assigned_client_identifier{};
    std::optional<std::uint16_t> topic_alias_maximum{};
    std::optional<std::string_view> reason_string{};
    std::optional<bool> wildcard_subscription_available{};
    std::optional<bool> subscription_identifier_available{};
    std::optional<bool> shared_subscription_available{};
    std::optional<std::uint16_t> server_keep_alive{};
    std::optional<std::string_view> response_information{};
    std::optional<std::string_view> server_reference{};
    std::optional<std::string_view> authentication_method{};
    std::optional<base::bytes_view> authentication_data{};
    mqtt::user_properties user_properties{};
};

struct publish_properties {
    std::optional<bool> payload_format_indicator{};  ///< true: UTF-8.
    std::optional<std::uint32_t> message_expiry_interval{};
    std::optional<std::uint16_t> topic_alias{};
    std::optional<std::string_view> response_topic{};
    std::optional<base::bytes_view> correlation_data{};
    std::optional<std::string_view> content_type{};
    std::span<const std::uint32_t> subscription_identifiers{};  ///< Server to client only.
    mqtt::user_properties user_properties{};
};

/// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
struct ack_properties {
    std::optional<std::string_view> reason_string{};
    mqtt::user_properties user_properties{};
};

struct subscribe_properties {
    std::optional<std::uint32_t> subscription_identifier{};
    mqtt::user_properties user_properties{};
};

struct unsubscribe_properties {
    mqtt::user_properties user_properties{};
};

struct disconnect_properties {
    std::optional<std::uint32_t> session_expiry_interval{};  ///< Client to server only.
    std::optional<std::string_view> reason_string{};
    std::optional<std::string_view> server_reference{};  ///< Server to client only.
    mqtt::user_properties user_properties{};
};

struct auth_properties {
    std::optional<std::string_view> authentication_method{};
    std::optional<base::bytes_view> authentication_data{};
    std::optional<std::string_view> reason_string{};
    mqtt::user_properties user_properties{};
};

}  // namespace pgw::mqtt
