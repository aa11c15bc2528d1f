#include "worker/session/first_packet.hpp"

#include "worker/mqtt/decode.hpp"

#include <algorithm>

namespace pgw::session {

first_packet peek(base::bytes_view bytes, const manifest::limits& limits) {
    using kind = first_packet::kind;
    if (bytes.empty()) return {};
    const auto bound = std::min<std::size_t>(limits.max_packet_size, max_connect_size);
    const auto frame = mqtt::next_frame(bytes, bound);
    if (frame.type != mqtt::packet_type::connect) return {.verdict = kind::refused};
    if (frame.status == mqtt::frame_status::incomplete) {
        return {.missing = frame.total == 0 ? 0 : frame.total - bytes.size()};
    }
    if (frame.status != mqtt::frame_status::complete) return {.verdict = kind::refused};
    mqtt::decode_buffers buffers;
    mqtt::connect packet;
    const mqtt::decode_limits decoding{.max_user_properties = limits.max_user_properties};
    const auto error = mqtt::decode_connect(frame.body, decoding, buffers, packet);
    if (error != mqtt::errc::ok) return {.verdict = kind::refused};
    return {.verdict = kind::connect, .client_id = packet.client_id};
}

}  // namespace pgw::session
