// PUBACK, PUBREC, PUBREL, PUBCOMP (sections 3.4 to 3.7), DISCONNECT (3.14) and AUTH (3.15).
#include "worker/mqtt/decode_parts.hpp"
#include "worker/mqtt/property_reader.hpp"

namespace pgw::mqtt {

errc decode_publish_ack(
    packet_type type,
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    std::uint16_t& packet_id,
    reason_code& reason,
    ack_properties& properties
) {
    buffers.clear();
    reader in(body);
    packet_id = read_packet_id(in);
    // Sections 3.4.2.1, 3.4.2.2.1: reason code and property length may be left out.
    if (version == protocol_version::v5 && !in.empty()) {
        reason = read_reason(in, type);
        if (!in.empty()) read_properties(in, limits, buffers, properties);
    }
    in.expect_end();
    return in.error();
}

errc decode_disconnect(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    disconnect& out
) {
    buffers.clear();
    reader in(body);
    if (version == protocol_version::v5 && !in.empty()) {
        out.reason = read_reason(in, packet_type::disconnect);
        if (!in.empty()) read_properties(in, limits, buffers, out.properties);
    }
    in.expect_end();
    return in.error();
}

errc decode_auth(
    base::bytes_view body, const decode_limits& limits, decode_buffers& buffers, auth& out
) {
    buffers.clear();
    reader in(body);
    if (in.empty()) return errc::ok;  // Section 3.15.2.1: success without properties.
    out.reason = read_reason(in, packet_type::auth);
    read_properties(in, limits, buffers, out.properties);
    // Section 3.15.2.2.2: the method is not left out.
    if (in.ok() && !out.properties.authentication_method) in.fail(errc::missing_authentication);
    in.expect_end();
    return in.error();
}

}  // namespace pgw::mqtt
