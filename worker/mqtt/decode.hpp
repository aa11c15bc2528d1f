// Decoding of packets: bodies to the structs of packet.hpp.
//
// Nothing is copied: what is returned are views into the body, valid as long as it, and spans into
// the decode_buffers, valid until the next decode with them. Errors are values; only memory for the
// buffers can throw.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/mqtt/errc.hpp"
#include "worker/mqtt/frame.hpp"
#include "worker/mqtt/packet.hpp"
#include "worker/mqtt/types.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace pgw::mqtt {

/// Memory for the lists of a packet, owned by the caller and reused; one a thread is enough.
struct decode_buffers {
    std::vector<user_property> user_properties;
    std::vector<std::uint32_t> subscription_identifiers;
    std::vector<subscription> subscriptions;
    std::vector<std::string_view> filters;
    std::vector<reason_code> reasons;

    void clear() noexcept;
};

using decode_result = boost::system::result<packet, errc>;

/// Decodes any packet. `version` is that of the connection (a CONNECT brings its own); `frame` is
/// complete.
decode_result decode(
    const frame& frame,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers
);

// The decoders of the packets, for callers that know what comes. Each returns errc::ok or the first
// error, with `out` unspecified then. `body` is what follows the fixed header.

errc decode_connect(
    base::bytes_view body, const decode_limits& limits, decode_buffers& buffers, connect& out
);

/// The fast path: does not allocate unless there are more user properties than ever before.
errc decode_publish(
    std::uint8_t flags,
    base::bytes_view body,
    protocol_version version,
    const decode_limits& limits,
    decode_buffers& buffers,
    publish& out
);

/// In which form a CONNACK would reach the sender of this CONNECT, readable or not.
enum class connack_form : std::uint8_t { none, v3, v5 };

/// Looks at protocol name and level only. A level between 3.1.1 and 0x80 that is not ours is taken
/// for a later version, which understands MQTT 5's form.
connack_form answer_form(base::bytes_view connect_body) noexcept;

}  // namespace pgw::mqtt
