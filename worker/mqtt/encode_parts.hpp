// The bodies of the packets as the specification's tables list them, each for both kinds of writer.
// Internal to the codec.
#pragma once

#include "worker/mqtt/packet.hpp"
#include "worker/mqtt/writer.hpp"

#include <type_traits>

namespace pgw::mqtt {

/// Whether a Reason Code and properties can be left out (sections 3.4.2.1, 3.14.2.1, 3.15.2.1).
template <class Packet>
bool is_plain(const Packet& p) noexcept {
    return p.reason == reason_code::success && is_empty(p.properties);
}

template <class Writer>
void write_body(Writer& out, const connect& p, protocol_version) {
    const bool v5 = p.version == protocol_version::v5;
    out.text(p.version == protocol_version::v3_1 ? "MQIsdp" : "MQTT");
    out.u8(std::uint8_t(p.version));
    unsigned flags = p.clean_start ? 0x02u : 0u;
    if (p.will) {
        out.require(p.will->qos <= qos::exactly_once);
        flags |= 0x04u | (unsigned(p.will->qos) << 3) | (p.will->retain ? 0x20u : 0u);
    }
    out.require(v5 || !p.password || p.user_name);
    flags |= (p.password ? 0x40u : 0u) | (p.user_name ? 0x80u : 0u);
    out.u8(std::uint8_t(flags));
    out.u16(p.keep_alive);
    if (v5) write_properties(out, p.properties);
    out.text(p.client_id);
    if (p.will) {
        if (v5) write_properties(out, p.will->properties);
        out.text(p.will->topic);
        out.binary(p.will->payload);
    }
    if (p.user_name) out.text(*p.user_name);
    if (p.password) out.binary(*p.password);
}

template <class Writer>
void write_body(Writer& out, const connack& p, protocol_version version) {
    out.u8(p.session_present ? 1 : 0);
    if (version != protocol_version::v5) {
        out.require(std::uint8_t(p.return_code) <= 5);
        out.u8(std::uint8_t(p.return_code));
        return;
    }
    out.require(allowed(packet_type::connack, std::uint8_t(p.reason)));
    out.u8(std::uint8_t(p.reason));
    write_properties(out, p.properties);
}

template <class Writer>
void write_body(Writer& out, const publish& p, protocol_version version) {
    out.require(p.qos <= qos::exactly_once && !(p.dup && p.qos == qos::at_most_once));
    out.text(p.topic);
    if (p.qos != qos::at_most_once) out.packet_id(p.packet_id);
    if (version == protocol_version::v5) write_properties(out, p.properties);
    out.raw(p.payload);
}

template <class Writer, packet_type Type>
void write_body(Writer& out, const publish_ack<Type>& p, protocol_version version) {
    out.packet_id(p.packet_id);
    out.require(allowed(Type, std::uint8_t(p.reason)));
    if (version != protocol_version::v5 || is_plain(p)) return;
    out.u8(std::uint8_t(p.reason));
    if (is_empty(p.properties)) return;
    write_properties(out, p.properties);
}

template <class Writer>
void write_body(Writer& out, const subscribe& p, protocol_version version) {
    const bool v5 = version == protocol_version::v5;
    out.packet_id(p.packet_id);
    if (v5) write_properties(out, p.properties);
    out.require(!p.subscriptions.empty());
    for (const auto& entry : p.subscriptions) {
        out.require(entry.maximum_qos <= qos::exactly_once);
        unsigned options = unsigned(entry.maximum_qos);
        if (v5) {
            options |= (entry.no_local ? 0x04u : 0u) | (entry.retain_as_published ? 0x08u : 0u) |
                       (unsigned(entry.retain_handling) << 4);
        }
        out.text(entry.filter);
        out.u8(std::uint8_t(options));
    }
}

template <class Writer>
void write_body(Writer& out, const suback& p, protocol_version version) {
    const bool v5 = version == protocol_version::v5;
    out.packet_id(p.packet_id);
    if (v5) write_properties(out, p.properties);
    out.require(!p.reasons.empty());
    for (const auto reason : p.reasons) {
        const auto code = std::uint8_t(reason);
        out.require(v5 ? allowed(packet_type::suback, code) : allowed_in_suback_v3(code));
        out.u8(code);
    }
}

template <class Writer>
void write_body(Writer& out, const unsubscribe& p, protocol_version version) {
    out.packet_id(p.packet_id);
    if (version == protocol_version::v5) write_properties(out, p.properties);
    out.require(!p.filters.empty());
    for (const auto filter : p.filters) out.text(filter);
}

template <class Writer>
void write_body(Writer& out, const unsuback& p, protocol_version version) {
    out.packet_id(p.packet_id);
    if (version != protocol_version::v5) return;
    write_properties(out, p.properties);
    out.require(!p.reasons.empty());
    for (const auto reason : p.reasons) {
        out.require(allowed(packet_type::unsuback, std::uint8_t(reason)));
        out.u8(std::uint8_t(reason));
    }
}

template <class Writer>
void write_body(Writer&, const pingreq&, protocol_version) {}

template <class Writer>
void write_body(Writer&, const pingresp&, protocol_version) {}

template <class Writer>
void write_body(Writer& out, const disconnect& p, protocol_version version) {
    if (version != protocol_version::v5) return;
    out.require(allowed(packet_type::disconnect, std::uint8_t(p.reason)));
    if (is_plain(p)) return;
    out.u8(std::uint8_t(p.reason));
    if (is_empty(p.properties)) return;
    write_properties(out, p.properties);
}

template <class Writer>
void write_body(Writer& out, const auth& p, protocol_version version) {
    out.require(version == protocol_version::v5);
    if (is_plain(p)) return;
    out.require(allowed(packet_type::auth, std::uint8_t(p.reason)));
    out.u8(std::uint8_t(p.reason));
    write_properties(out, p.properties);
}

}  // namespace pgw::mqtt
