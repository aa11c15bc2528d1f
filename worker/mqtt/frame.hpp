// The fixed header (section 2.1): cuts the byte stream into packets.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/mqtt/errc.hpp"
#include "worker/mqtt/types.hpp"

#include <cstddef>
#include <cstdint>

namespace pgw::mqtt {

enum class frame_status : std::uint8_t {
    incomplete,  ///< More bytes are needed.
    malformed,   ///< `error` says why; nothing after it can be read.
    too_large,   ///< `total` exceeds the maximum packet size; the body need not be there yet.
    complete,
};

/// One packet's fixed header and the view of its body.
struct frame {
    frame_status status = frame_status::incomplete;
    errc error = errc::ok;
    packet_type type{};      ///< Set as soon as one byte is there and is well-formed.
    std::uint8_t flags = 0;  ///< The low nibble.
    base::bytes_view body;
    std::size_t total = 0;  ///< Header and body; 0 while unknown.
};

/// The flags a type demands [MQTT-2.1.3-1]; PUBLISH: no QoS 3 [MQTT-3.3.1-4], no DUP with QoS 0
/// [MQTT-3.3.1-2].
errc check_flags(std::uint8_t type, std::uint8_t flags) noexcept;

/// Reads the packet at the beginning of `bytes`. What the first byte or the length alone show is
/// reported before the rest has arrived.
frame next_frame(base::bytes_view bytes, std::size_t max_packet_size) noexcept;

}  // namespace pgw::mqtt
