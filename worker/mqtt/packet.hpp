// The fifteen packets as values. The same struct is decoded and encoded.
//
// What MQTT 3.x does not have (properties, most reason codes) is empty after decoding and is not
// written when encoding for 3.x.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/mqtt/properties.hpp"
#include "worker/mqtt/reason_code.hpp"
#include "worker/mqtt/types.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace pgw::mqtt {

/// The Will Message of a CONNECT.
struct will {
    std::string_view topic{};
    base::bytes_view payload{};
    mqtt::qos qos = qos::at_most_once;
    bool retain = false;
    will_properties properties{};
};

struct connect {
    protocol_version version = protocol_version::v5;
    bool clean_start = true;  ///< Clean Session in 3.x.
    std::uint16_t keep_alive = 0;
    connect_properties properties{};
    std::string_view client_id{};
    std::optional<mqtt::will> will{};
    std::optional<std::string_view> user_name{};
    std::optional<base::bytes_view> password{};
};

struct connack {
    bool session_present = false;
    reason_code reason = reason_code::success;                        ///< MQTT 5.
    connect_return_code return_code = connect_return_code::accepted;  ///< MQTT 3.x.
    connack_properties properties{};
};

struct publish {
    bool dup = false;
    mqtt::qos qos = qos::at_most_once;
    bool retain = false;
    std::uint16_t topic_levels = 0;  ///< Set by decoding; 0 for an empty topic.
    std::uint16_t packet_id = 0;     ///< 0 with QoS 0.
    std::string_view topic{};        ///< Empty: the topic alias stands for it.
    base::bytes_view payload{};
    publish_properties properties{};
};

/// What PUBACK, PUBREC, PUBREL and PUBCOMP have in common.
template <packet_type Type>
struct publish_ack {
    static constexpr packet_type type = Type;
    std::uint16_t packet_id = 0;
    reason_code reason = reason_code::success;
    ack_properties properties{};
};
using puback = publish_ack<packet_type::puback>;
using pubrec = publish_ack<packet_type::pubrec>;
using pubrel = publish_ack<packet_type::pubrel>;
using pubcomp = publish_ack<packet_type::pubcomp>;

enum class retain_handling : std::uint8_t { send, send_if_new, do_not_send };

struct subscription {
    std::string_view filter{};
    mqtt::qos maximum_qos = qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
    mqtt::retain_handling retain_handling = retain_handling::send;
};

struct subscribe {
    std::uint16_t packet_id = 0;
    subscribe_properties properties{};
    std::span<const subscription> subscriptions{};
};

struct suback {
    std::uint16_t packet_id = 0;
    ack_properties properties{};
    std::span<const reason_code> reasons{};  ///< One per filter.
};

struct unsubscribe {
    std::uint16_t packet_id = 0;
    unsubscribe_properties properties{};
    std::span<const std::string_view> filters{};
};

struct unsuback {
    std::uint16_t packet_id = 0;
    ack_properties properties{};
    std::span<const reason_code> reasons{};  ///< One per filter; none in 3.x.
};

struct pingreq {};
struct pingresp {};

struct disconnect {
    reason_code reason = reason_code::success;
    disconnect_properties properties{};
};

struct auth {
    reason_code reason = reason_code::success;
    auth_properties properties{};
};

using packet = std::variant<
    connect,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    pingreq,
    pingresp,
    disconnect,
    auth>;

}  // namespace pgw::mqtt
