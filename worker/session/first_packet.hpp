// What the first packet says, read before the session exists, to find its home thread.
#pragma once

#include "common/base/bytes.hpp"
#include "common/manifest/model/gateway.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgw::session {

/// A larger CONNECT is refused before it is decoded, whatever limits.maxPacketSize says: its sender
/// has proved nothing yet.
inline constexpr std::size_t max_connect_size = 64 << 10;

struct first_packet {
    enum class kind : std::uint8_t {
        incomplete,  ///< More bytes are needed; never more than max_connect_size in all.
        connect,     ///< A well-formed CONNECT; client_id is set (empty: to be assigned).
        refused,     ///< Anything else: let a session on this thread answer and close.
    };
    kind verdict = kind::incomplete;
    std::string_view client_id{};  ///< Into the bytes given.
    std::size_t missing = 0;       ///< Incomplete: how many bytes; 0: not known yet.
};

first_packet peek(base::bytes_view bytes, const manifest::limits& limits);

}  // namespace pgw::session
