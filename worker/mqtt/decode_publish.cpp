// PUBLISH (section 3.3): the fast path of the codec.
#include "worker/mqtt/decode_parts.hpp"
#include "worker/mqtt/property_reader.hpp"
#include "worker/mqtt/topic.hpp"

namespace pgw::mqtt {
namespace {

// Takes and gives the reader by value: with its address given away, it would live in memory for
// those publications too that have no properties, which are most.
[[gnu::noinline]] reader read_publish_properties(
    reader in, const decode_limits& limits, decode_buffers& buffers, publish_properties& out
) {
    buffers.user_properties.clear();
    buffers.subscription_identifiers.clear();
    read_properties(in, limits, buffers, out);
    return in;
}

}  // namespace

errc decode_publish(
    std::uint8_t flags,
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    publish& out
) {
    out.dup = (flags & 0x08u) != 0;
    out.qos = qos((flags >> 1) & 3u);
    out.retain = (flags & 0x01u) != 0;
    out.properties = {};

    reader in(body);
    out.topic = in.raw_text();
    const auto check = check_topic_name(out.topic);
    if (check.error != errc::ok) return check.error;
    out.topic_levels = check.levels;
    out.packet_id = out.qos == qos::at_most_once ? std::uint16_t(0) : read_packet_id(in);
    const bool v5 = version == protocol_version::v5;
    if (v5) {
        if (!in.empty() && in.peek() == std::byte{0}) {
            in.u8();
        } else {
            in = read_publish_properties(in, limits, buffers, out.properties);
        }
    }
    if (in.ok() && out.topic.empty()) {
        // [MQTT-4.7.3-1]; section 3.3.2.3.4: empty only where a topic alias stands for it.
        if (!v5) return errc::invalid_topic_name;
        if (!out.properties.topic_alias) return errc::missing_topic;
    }
    out.payload = in.rest();
    return in.error();
}

}  // namespace pgw::mqtt
