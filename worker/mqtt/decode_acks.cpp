// PUBACK, PUBREC, PUBREL, PUBCOMP (sections 3.4 to 3.7), DISCONNECT (3.14) and AUTH (3.15).
#include "worker/mqtt/decode_parts.hpp"
#include "worker/mqtt/property_reader.hpp"

namespace pgw::mqtt {
namespace {

constexpr property_set ack_legal{property_id::reason_string, property_id::user_property};

constexpr property_set disconnect_legal{
    property_id::session_expiry_interval,
    property_id::reason_string,
    property_id::user_property,
    property_id::server_reference,
};

constexpr property_set auth_legal{
    property_id::authentication_method,
    property_id::authentication_data,
    property_id::reason_string,
    property_id::user_property,
};

}  // namespace

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
        if (!in.empty()) {
            read_properties(in, ack_legal, false, limits, buffers, [&](property_id, auto& value) {
                properties.reason_string = value.text;
            });
            properties.user_properties = buffers.user_properties;
        }
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
        if (!in.empty()) {
            auto& properties = out.properties;
            read_properties(
                in,
                disconnect_legal,
                false,
                limits,
                buffers,
                [&](property_id id, auto& value) {
                    switch (id) {
                        case property_id::session_expiry_interval:
                            properties.session_expiry_interval = value.number;
                            break;
                        case property_id::reason_string:
                            properties.reason_string = value.text;
                            break;
                        default:
                            properties.server_reference = value.text;
                    }
                }
            );
            properties.user_properties = buffers.user_properties;
        }
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
    auto& properties = out.properties;
    read_properties(in, auth_legal, false, limits, buffers, [&](property_id id, auto& value) {
        switch (id) {
            case property_id::authentication_method:
                properties.authentication_method = value.text;
                break;
            case property_id::authentication_data:
                properties.authentication_data = value.data;
                break;
            default:
                properties.reason_string = value.text;
        }
    });
    properties.user_properties = buffers.user_properties;
    // Section 3.15.2.2.2: the method is not left out.
    if (in.ok() && !properties.authentication_method) in.fail(errc::missing_authentication);
    in.expect_end();
    return in.error();
}

}  // namespace pgw::mqtt
