// Core message → AMQP 1.0 bare message, as docs/mapping.md says. Pure; no allocation.
#pragma once

#include "worker/amqp/encoding.hpp"
#include "worker/bridge/message.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace pgw::bridge {

/// Names of the message annotations that carry what AMQP has no field for. Only the gateway writes
/// them.
namespace annotation {
inline constexpr std::string_view topic = "x-opt-mqtt-topic";
inline constexpr std::string_view qos = "x-opt-mqtt-qos";
inline constexpr std::string_view retain = "x-opt-mqtt-retain";
inline constexpr std::string_view duplicate = "x-opt-mqtt-dup";
inline constexpr std::string_view client_id = "x-opt-mqtt-client-id";
inline constexpr std::string_view identity = "x-opt-mqtt-identity";
inline constexpr std::string_view user_name = "x-opt-mqtt-unverified-user-name";
inline constexpr std::string_view payload_format = "x-opt-mqtt-payload-format";
inline constexpr std::string_view content_type = "x-opt-mqtt-content-type";
inline constexpr std::string_view response_topic = "x-opt-mqtt-response-topic";
inline constexpr std::string_view user_properties = "x-opt-mqtt-user-properties";
}  // namespace annotation

/// 16 bytes that are never used again: sent as an AMQP uuid message-id (RFC 9562, version 8).
struct message_key {
    std::uint64_t incarnation = 0;
    std::uint64_t count = 0;
};

/// What the route adds to a message. Views valid for the call.
struct envelope {
    std::string_view to;                   ///< Empty: no `to` (the link's target names the node).
    std::string_view subject;              ///< Empty: none.
    std::span<const property> properties;  ///< The route's; they win over the device's.
    message_key key;
};

struct encoded {
    std::size_t size =
        0;  ///< What the buffer needed; larger than the buffer: nothing usable was written.
    /// Where the header's ttl value (big endian, milliseconds) is; 0: no ttl.
    std::uint32_t ttl_offset = 0;
};

/// The ttl in milliseconds of an expiry in seconds: saturated, and never 0.
std::uint32_t ttl_milliseconds(std::uint32_t expiry_seconds) noexcept;

/// An upper bound of what encode() will need. Kept by hand beside it, so whoever encodes checks the
/// size that comes out.
std::size_t encoded_bound(
    const message& message, const client_info& client, const envelope& envelope
) noexcept;

encoded encode(
    std::span<std::byte> buffer,
    const message& message,
    const client_info& client,
    const envelope& envelope
) noexcept;

}  // namespace pgw::bridge
