// Measures a packet, makes room once and writes it.
#include "worker/mqtt/encode.hpp"

#include "worker/mqtt/encode_parts.hpp"

#include <variant>

namespace pgw::mqtt {
namespace {

/// The low nibble of the fixed header [MQTT-2.1.3-1].
template <class Packet>
std::uint8_t header_flags(const Packet& p) noexcept {
    if constexpr (std::is_same_v<Packet, publish>) {
        return std::uint8_t((p.dup ? 8u : 0u) | (unsigned(p.qos) << 1) | (p.retain ? 1u : 0u));
    } else if constexpr (std::is_same_v<Packet, pubrel> || std::is_same_v<Packet, subscribe> ||
                         std::is_same_v<Packet, unsubscribe>) {
        return 2;
    } else {
        return 0;
    }
}

template <class Packet>
errc encode_one(
    const Packet& p,
    packet_type type,
    protocol_version version,
    std::vector<std::byte>& out,
    std::size_t max_packet_size
) {
    size_writer size;
    write_body(size, p, version);
    if (size.error() != errc::ok) return size.error();
    if (size.size() > max_variable_integer) return errc::packet_too_large;
    const auto length = std::uint32_t(size.size());
    const std::size_t total = 1 + variable_integer_size(length) + length;
    if (total > max_packet_size) return errc::packet_too_large;

    const std::size_t begin = out.size();
    out.resize(begin + total);
    memory_writer to(out.data() + begin);
    to.u8(std::uint8_t((unsigned(type) << 4) | header_flags(p)));
    to.variable_integer(length);
    write_body(to, p, version);
    return errc::ok;
}

}  // namespace

errc encode(
    const packet& value,
    protocol_version version,
    std::vector<std::byte>& out,
    std::size_t max_packet_size
) {
    // The variant's alternatives stand in the order of the packet types.
    const auto type = packet_type(value.index() + 1);
    return std::visit(
        [&](const auto& p) { return encode_one(p, type, version, out, max_packet_size); }, value
    );
}

}  // namespace pgw::mqtt
