// Framing: type, flags, Remaining Length.
#include "worker/mqtt/frame.hpp"

namespace pgw::mqtt {

errc check_flags(std::uint8_t type, std::uint8_t flags) noexcept {
    switch (type) {
        case 0:
            return errc::invalid_packet_type;
        case std::uint8_t(packet_type::publish):
            if ((flags & 0x06u) == 0x06u) return errc::invalid_qos;
            if ((flags & 0x0Eu) == 0x08u) return errc::invalid_dup;
            return errc::ok;
        case std::uint8_t(packet_type::pubrel):
        case std::uint8_t(packet_type::subscribe):
        case std::uint8_t(packet_type::unsubscribe):
            return flags == 0x02u ? errc::ok : errc::reserved_bits;
        default:
            return flags == 0 ? errc::ok : errc::reserved_bits;
    }
}

frame next_frame(base::bytes_view bytes, std::size_t max_packet_size) noexcept {
    frame result;
    if (bytes.empty()) return result;
    const auto first = std::uint8_t(bytes[0]);
    result.flags = first & 0x0Fu;
    result.error = check_flags(std::uint8_t(first >> 4), result.flags);
    if (result.error != errc::ok) {
        result.status = frame_status::malformed;
        return result;
    }
    result.type = packet_type(first >> 4);

    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        if (i + 1 >= bytes.size()) return result;
        const auto byte = std::uint8_t(bytes[i + 1]);
        length |= std::size_t(byte & 0x7Fu) << (7 * i);
        if ((byte & 0x80u) != 0) continue;
        if (byte == 0 && i > 0) break;  // [MQTT-1.5.5-1]
        const std::size_t header = i + 2;
        result.total = header + length;
        if (result.total > max_packet_size) {
            result.status = frame_status::too_large;
        } else if (bytes.size() >= result.total) {
            result.status = frame_status::complete;
            result.body = bytes.subspan(header, length);
        }
        return result;
    }
    result.status = frame_status::malformed;
    result.error = errc::invalid_variable_integer;
    return result;
}

}  // namespace pgw::mqtt
