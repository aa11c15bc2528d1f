// The vocabulary every MQTT packet shares: versions, packet types, QoS, limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgw::mqtt {

/// The Protocol Level of CONNECT.
enum class protocol_version : std::uint8_t {
    v3_1 = 3,    ///< Protocol name MQIsdp.
    v3_1_1 = 4,  ///< ISO/IEC 20922.
    v5 = 5,
};

/// The type nibble of the fixed header. 0 is forbidden and never appears as a value.
enum class packet_type : std::uint8_t {
    connect = 1,
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
    auth,  ///< MQTT 5 only.
};

enum class qos : std::uint8_t { at_most_once, at_least_once, exactly_once };

/// A name-value pair of MQTT 5; order and duplicates are kept. The views point into the packet.
struct user_property {
    std::string_view key;
    std::string_view value;
};

/// Bounds on what one packet may make the decoder do. All finite.
struct decode_limits {
    std::size_t max_user_properties = 64;  ///< Per packet, those of a Will included.
    std::size_t max_filters = 1024;        ///< Topic filters in one SUBSCRIBE or UNSUBSCRIBE.
};

/// The largest value of a Variable Byte Integer and so of the Remaining Length: 256 MiB - 1.
inline constexpr std::uint32_t max_variable_integer = 268'435'455;

/// UTF-8 strings and binary data carry a two byte length.
inline constexpr std::size_t max_string_size = 65'535;

}  // namespace pgw::mqtt
