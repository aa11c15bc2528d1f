// SUBSCRIBE (section 3.8), SUBACK (3.9), UNSUBSCRIBE (3.10) and UNSUBACK (3.11).
#include "worker/mqtt/decode_parts.hpp"
#include "worker/mqtt/property_reader.hpp"
#include "worker/mqtt/topic.hpp"

namespace pgw::mqtt {
namespace {

std::string_view read_filter(reader& in, protocol_version version) noexcept {
    const auto filter = in.text();
    if (!in.ok()) return {};
    if (const errc error = check_topic_filter(filter, version); error != errc::ok) in.fail(error);
    return filter;
}

subscription read_subscription(reader& in, protocol_version version) noexcept {
    subscription out;
    out.filter = read_filter(in, version);
    const unsigned options = in.u8();
    if (!in.ok()) return out;
    // [MQTT-3.8.3-5]; 3.1.1 [MQTT-3-8.3-4]: the upper six bits are reserved there.
    if ((options & (version == protocol_version::v5 ? 0xC0u : 0xFCu)) != 0) {
        in.fail(errc::reserved_bits);
        return out;
    }
    if ((options & 3u) == 3 || ((options >> 4) & 3u) == 3) {
        in.fail(errc::invalid_qos);
        return out;
    }
    out.maximum_qos = qos(options & 3u);
    out.no_local = (options & 0x04u) != 0;
    out.retain_as_published = (options & 0x08u) != 0;
    out.retain_handling = retain_handling((options >> 4) & 3u);
    if (out.no_local && is_shared(out.filter)) in.fail(errc::shared_no_local);  // [MQTT-3.8.3-4]
    return out;
}

}  // namespace

errc decode_subscribe(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    subscribe& out
) {
    buffers.clear();
    reader in(body);
    out.packet_id = read_packet_id(in);
    if (version == protocol_version::v5) {
        read_properties(in, limits, buffers, out.properties);
    }
    if (in.ok() && in.empty()) in.fail(errc::empty_subscription);  // [MQTT-3.8.3-2]
    while (in.ok() && !in.empty()) {
        if (buffers.subscriptions.size() >= limits.max_filters) {
            in.fail(errc::limit_exceeded);
        } else {
            buffers.subscriptions.push_back(read_subscription(in, version));
        }
    }
    out.subscriptions = buffers.subscriptions;
    return in.error();
}

errc decode_suback(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    suback& out
) {
    buffers.clear();
    reader in(body);
    out.packet_id = read_packet_id(in);
    const bool v5 = version == protocol_version::v5;
    if (v5) read_properties(in, limits, buffers, out.properties);
    if (in.ok() && in.empty()) in.fail(errc::truncated);
    while (in.ok() && !in.empty()) {
        const auto code = in.u8();
        if (!(v5 ? allowed(packet_type::suback, code) : allowed_in_suback_v3(code))) {
            in.fail(errc::invalid_reason_code);
        } else if (buffers.reasons.size() >= limits.max_filters) {
            in.fail(errc::limit_exceeded);
        } else {
            buffers.reasons.push_back(reason_code(code));
        }
    }
    out.reasons = buffers.reasons;
    return in.error();
}

errc decode_unsubscribe(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    unsubscribe& out
) {
    buffers.clear();
    reader in(body);
    out.packet_id = read_packet_id(in);
    if (version == protocol_version::v5) {
        read_properties(in, limits, buffers, out.properties);
    }
    if (in.ok() && in.empty()) in.fail(errc::empty_subscription);  // [MQTT-3.10.3-2]
    while (in.ok() && !in.empty()) {
        if (buffers.filters.size() >= limits.max_filters) {
            in.fail(errc::limit_exceeded);
        } else {
            buffers.filters.push_back(read_filter(in, version));
        }
    }
    out.filters = buffers.filters;
    return in.error();
}

errc decode_unsuback(
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    unsuback& out
) {
    buffers.clear();
    reader in(body);
    out.packet_id = read_packet_id(in);
    if (version == protocol_version::v5) {
        read_properties(in, limits, buffers, out.properties);
        if (in.ok() && in.empty()) in.fail(errc::truncated);
        while (in.ok() && !in.empty()) {
            const auto reason = read_reason(in, packet_type::unsuback);
            if (buffers.reasons.size() >= limits.max_filters) in.fail(errc::limit_exceeded);
            if (in.ok()) buffers.reasons.push_back(reason);
        }
    }
    in.expect_end();
    out.reasons = buffers.reasons;
    return in.error();
}

}  // namespace pgw::mqtt
