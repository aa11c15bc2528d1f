// Chooses the decoder of a packet by its type.
#include "worker/mqtt/decode.hpp"

#include "worker/mqtt/decode_parts.hpp"

namespace pgw::mqtt {
namespace {

template <class Packet, class Decoder>
decode_result run(Decoder&& decoder) {
    Packet out;
    if (const errc error = decoder(out); error != errc::ok) return error;
    return packet(std::move(out));
}

}  // namespace

void decode_buffers::clear() noexcept {
    user_properties.clear();
    subscription_identifiers.clear();
    subscriptions.clear();
    filters.clear();
    reasons.clear();
}

decode_result decode(
    const frame& frame,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers
) {
    const auto body = frame.body;
    const auto ack = [&](auto& out) {
        return decode_publish_ack(
            out.type, body, version, limits, buffers, out.packet_id, out.reason, out.properties
        );
    };
    const auto with = [&](auto decoder) {
        return [&, decoder](auto& out) { return decoder(body, version, limits, buffers, out); };
    };
    const auto empty = [&](auto&) { return body.empty() ? errc::ok : errc::trailing_bytes; };

    switch (frame.type) {
        case packet_type::connect:
            return run<connect>([&](auto& out) {
                return decode_connect(body, limits, buffers, out);
            });
        case packet_type::connack:
            return run<connack>(with(decode_connack));
        case packet_type::publish:
            return run<publish>([&](auto& out) {
                return decode_publish(frame.flags, body, version, limits, buffers, out);
            });
        case packet_type::puback:
            return run<puback>(ack);
        case packet_type::pubrec:
            return run<pubrec>(ack);
        case packet_type::pubrel:
            return run<pubrel>(ack);
        case packet_type::pubcomp:
            return run<pubcomp>(ack);
        case packet_type::subscribe:
            return run<subscribe>(with(decode_subscribe));
        case packet_type::suback:
            return run<suback>(with(decode_suback));
        case packet_type::unsubscribe:
            return run<unsubscribe>(with(decode_unsubscribe));
        case packet_type::unsuback:
            return run<unsuback>(with(decode_unsuback));
        case packet_type::pingreq:
            return run<pingreq>(empty);
        case packet_type::pingresp:
            return run<pingresp>(empty);
        case packet_type::disconnect:
            return run<disconnect>(with(decode_disconnect));
        case packet_type::auth:
            if (version != protocol_version::v5) break;
            return run<auth>([&](auto& out) { return decode_auth(body, limits, buffers, out); });
    }
    return errc::invalid_packet_type;
}

}  // namespace pgw::mqtt
