// Looks at incoming frames before Proton does, for what Proton 0.37 does not survive. Pure.
//
// These end its process: a frame before the open (a null pointer), a transfer that begins a
// delivery in several frames without a delivery-id (an assertion), values nested so deeply that
// decoding overflows the stack. An array of a billion nulls, or sixty thousand values in a map, take
// the memory. A field of another type than specified it takes for missing, and a
// frame for one about handle 0. A repeated SASL frame leaks. All are malformed or pointless.
//
// And for what it takes wrongly: it answers credit, which is unsigned, as an int, so that "as much as
// you like" becomes less than nothing. It does not look at handle-max at all.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/amqp/decoding.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace pgw::amqp {

/// One a connection. Feed it every byte in order.
class frame_guard {
public:
    /// Frames larger than this are left to Proton, which refuses them.
    explicit frame_guard(std::uint32_t max_frame) noexcept : max_frame_(max_frame) {}

    struct verdict {
        std::string_view problem;  ///< Not empty: what is wrong; the connection must end.
        std::size_t pass = 0;      ///< So many of the bytes may go on.
    };
    /// `bytes` begin with those that were not passed the last time. What Proton would take wrongly
    /// is changed in place. Costs the same however much is kept back.
    verdict check(std::span<std::byte> bytes);

    /// The lowest handle-max of the sessions that the peer has begun. [2.7.2]
    std::uint32_t handle_max() const noexcept { return handle_max_; }

private:
    struct open_delivery {
        std::uint16_t channel;
        std::uint32_t handle;
        bool operator==(const open_delivery&) const = default;
    };
    /// How much of a frame has to be seen to judge it.
    std::size_t needed(base::bytes_view head) const noexcept;
    std::string_view check_frame(std::span<std::byte> frame);
    std::string_view check_sasl(std::uint64_t code);
    std::string_view check_transfer(std::uint16_t channel, value_reader fields);
    void read_begin(value_reader fields) noexcept;
    void forget(std::uint16_t channel, std::uint32_t handle);

    std::uint32_t max_frame_;
    bool opened_ = false;
    std::uint8_t sasl_seen_ = 0;  ///< One bit for each SASL performative.
    std::size_t to_skip_ = 0;     ///< Of the current frame, already judged.
    std::uint32_t handle_max_ = std::numeric_limits<std::uint32_t>::max();
    std::vector<open_delivery> open_;  ///< Deliveries whose last frame has not come.
};

}  // namespace pgw::amqp
