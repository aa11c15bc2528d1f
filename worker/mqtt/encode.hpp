// Encoding of packets: the structs of packet.hpp to bytes.
#pragma once

#include "worker/mqtt/errc.hpp"
#include "worker/mqtt/packet.hpp"
#include "worker/mqtt/types.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pgw::mqtt {

/// Appends the packet in the form of `version` (a CONNECT has its own). Nothing is appended on an
/// error: `unencodable` for a value or a length outside of its range (strings above 65,535 bytes,
/// packet identifier 0, a reason code that is not this packet's), `packet_too_large` above
/// `max_packet_size`. The content of strings is not checked. The buffer grows once.
errc encode(
    const packet& value,
    protocol_version version,
    std::vector<std::byte>& out,
    std::size_t max_packet_size = max_variable_integer
);

/// PUBACK with success, the same four bytes in all versions; `packet_id` is not 0.
inline void append_puback(std::uint16_t packet_id, std::vector<std::byte>& out) {
    const std::byte bytes[] = {
        std::byte{0x40}, std::byte{2}, std::byte(packet_id >> 8), std::byte(packet_id & 0xFFu)
    };
    out.insert(out.end(), bytes, bytes + sizeof bytes);
}

inline void append_pingresp(std::vector<std::byte>& out) {
    out.push_back(std::byte{0xD0});
    out.push_back(std::byte{0});
}

}  // namespace pgw::mqtt
