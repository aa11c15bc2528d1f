// Why connections end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgw::session {

/// Why a connection ends. Each value is a metric label and a log word.
enum class close_cause : std::uint8_t {
    none,
    client_disconnect,
    transport_closed,  ///< The peer vanished without DISCONNECT.
    connect_timeout,
    keep_alive_timeout,
    malformed_packet,
    protocol_error,
    packet_too_large,
    unsupported_version,
    identifier_rejected,
    not_authorized,
    receive_maximum_exceeded,
    taken_over,
    refused_publication,  ///< MQTT 3.1.1: a publication was refused and onRefused says Disconnect.
    stalled,              ///< Paused for longer than maxPause.
    overloaded,           ///< A limit on connections or on buffered bytes was reached.
    draining,
    internal_error,
    packet_timeout,  ///< A packet began and did not come to its end in time.
};
std::string_view name(close_cause cause) noexcept;
inline constexpr std::size_t close_cause_count = 19;

}  // namespace pgw::session
