// The decoders of single packets and the fields they share. Internal to the codec.
#pragma once

#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/reader.hpp"

namespace pgw::mqtt {

/// A packet identifier, which is never 0 [MQTT-2.2.1-3].
inline std::uint16_t read_packet_id(reader& in) noexcept {
    const auto id = in.u16();
    if (in.ok() && id == 0) in.fail(errc::invalid_packet_id);
    return id;
}

/// A reason code of a packet of this type.
inline reason_code read_reason(reader& in, packet_type type) noexcept {
    const auto code = in.u8();
    if (in.ok() && !allowed(type, code)) in.fail(errc::invalid_reason_code);
    return reason_code(code);
}

errc decode_connack(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    connack& out
);

/// PUBACK, PUBREC, PUBREL and PUBCOMP, which differ in their reason codes only.
errc decode_publish_ack(
    packet_type type,
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    std::uint16_t& packet_id,
    reason_code& reason,
    ack_properties& properties
);

errc decode_subscribe(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    subscribe& out
);
errc decode_suback(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    suback& out
);
errc decode_unsubscribe(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    unsubscribe& out
);
errc decode_unsuback(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    unsuback& out
);
errc decode_disconnect(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    disconnect& out
);
errc decode_auth(
    base::bytes_view body, const decode_limits& limits, decode_buffers& buffers, auth& out
);

}  // namespace pgw::mqtt
