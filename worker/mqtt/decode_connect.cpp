// CONNECT (section 3.1) and CONNACK (3.2).
#include "worker/mqtt/decode_parts.hpp"
#include "worker/mqtt/property_reader.hpp"
#include "worker/mqtt/topic.hpp"

namespace pgw::mqtt {
namespace {

constexpr std::uint8_t flag_reserved = 0x01;
constexpr std::uint8_t flag_clean_start = 0x02;
constexpr std::uint8_t flag_will = 0x04;
constexpr std::uint8_t flag_will_retain = 0x20;
constexpr std::uint8_t flag_password = 0x40;
constexpr std::uint8_t flag_user_name = 0x80;

/// Name and level. [MQTT-3.1.2-1], [MQTT-3.1.2-2]
void read_protocol(reader& in, protocol_version& version) noexcept {
    const auto name = in.raw_text();
    const auto level = in.u8();
    if (!in.ok()) return;
    if (name == "MQTT") {
        if (level != 4 && level != 5) return in.fail(errc::unsupported_version);
    } else if (name == "MQIsdp") {
        if (level != 3) return in.fail(errc::unsupported_version);
    } else {
        return in.fail(errc::unsupported_protocol);
    }
    version = protocol_version(level);
}

errc check_connect_flags(std::uint8_t flags, protocol_version version) noexcept {
    // [MQTT-3.1.2-3]. MQTT 3.1, 3.1, says of it "not used", not that it is 0.
    if ((flags & flag_reserved) != 0 && version != protocol_version::v3_1) {
        return errc::reserved_bits;
    }
    const unsigned will_qos = (flags >> 3) & 3u;
    if (will_qos == 3) return errc::invalid_qos;  // [MQTT-3.1.2-12]
    // [MQTT-3.1.2-11], [MQTT-3.1.2-13]: no Will, no Will QoS and no Will Retain.
    if ((flags & flag_will) == 0 && (will_qos != 0 || (flags & flag_will_retain) != 0)) {
        return errc::invalid_connect_flags;
    }
    // 3.1.1 [MQTT-3.1.2-22]: no password without a user name. MQTT 5 allows it.
    if (version != protocol_version::v5 && (flags & flag_password) != 0 &&
        (flags & flag_user_name) == 0) {
        return errc::invalid_connect_flags;
    }
    return errc::ok;
}

void read_connect_properties(
    reader& in, const decode_limits& limits, decode_buffers& buffers, connect_properties& out
) {
    read_properties(in, limits, buffers, out);
    // Section 3.1.2.11.10: data without a method is a protocol error.
    if (in.ok() && out.authentication_data && !out.authentication_method) {
        in.fail(errc::missing_authentication);
    }
}

void read_will(
    reader& in,
    std::uint8_t flags,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    will& out
) {
    out.qos = qos((flags >> 3) & 3u);
    out.retain = (flags & flag_will_retain) != 0;
    if (version == protocol_version::v5) read_properties(in, limits, buffers, out.properties);
    out.topic = in.raw_text();
    const auto check = check_topic_name(out.topic);
    if (in.ok() && check.error != errc::ok) in.fail(check.error);
    if (in.ok() && out.topic.empty()) in.fail(errc::invalid_topic_name);  // [MQTT-4.7.3-1]
    out.payload = in.binary();
}

}  // namespace

errc decode_connect(
    base::bytes_view body, const decode_limits& limits, decode_buffers& buffers, connect& out
) {
    buffers.clear();
    out = {};
    reader in(body);
    read_protocol(in, out.version);
    const auto flags = in.u8();
    if (in.ok()) {
        if (const errc error = check_connect_flags(flags, out.version); error != errc::ok) {
            in.fail(error);
        }
    }
    out.clean_start = (flags & flag_clean_start) != 0;
    out.keep_alive = in.u16();
    const bool v5 = out.version == protocol_version::v5;
    if (v5) read_connect_properties(in, limits, buffers, out.properties);
    const std::size_t own_properties = buffers.user_properties.size();

    out.client_id = in.text();
    if ((flags & flag_will) != 0) {
        read_will(in, flags, out.version, limits, buffers, out.will.emplace());
    }
    if ((flags & flag_user_name) != 0) out.user_name = in.text();
    if ((flags & flag_password) != 0) out.password = in.binary();
    in.expect_end();

    // Both lists share a buffer, which may have moved while it grew: cut it only now.
    const user_properties all(buffers.user_properties);
    out.properties.user_properties = all.first(own_properties);
    if (out.will) out.will->properties.user_properties = all.subspan(own_properties);
    return in.error();
}

connack_form answer_form(base::bytes_view connect_body) noexcept {
    reader in(connect_body);
    const auto name = in.raw_text();
    const auto level = in.u8();
    if (!in.ok()) return connack_form::none;
    if (name == "MQIsdp") return connack_form::v3;
    if (name != "MQTT") return connack_form::none;
    // Bridges of some brokers set the high bit of a 3.x level.
    return level >= 5 && level < 0x80 ? connack_form::v5 : connack_form::v3;
}

errc decode_connack(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    connack& out
) {
    buffers.clear();
    reader in(body);
    const auto flags = in.u8();
    // [MQTT-3.2.2-1]: bits 7 to 1 are reserved; MQTT 3.1 reserves the whole byte.
    if (flags > (version == protocol_version::v3_1 ? 0 : 1)) in.fail(errc::reserved_bits);
    out.session_present = flags == 1;
    if (version == protocol_version::v5) {
        out.reason = read_reason(in, packet_type::connack);
        read_properties(in, limits, buffers, out.properties);
    } else {
        const auto code = in.u8();
        if (in.ok() && code > 5) in.fail(errc::invalid_reason_code);
        out.return_code = connect_return_code(code);
    }
    // [MQTT-3.2.2-6]; 3.1.1 [MQTT-3.2.2-4]: no session with a refusal.
    if (in.ok() && out.session_present &&
        (out.reason != reason_code::success || out.return_code != connect_return_code::accepted)) {
        in.fail(errc::reserved_bits);
    }
    in.expect_end();
    return in.error();
}

}  // namespace pgw::mqtt
