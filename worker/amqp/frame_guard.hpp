// Looks at incoming frames before Proton does, for what Proton 0.37 does not survive. Pure.
//
// These end its process: a frame before the open (a null pointer), a transfer that begins a
// delivery in several frames without a delivery-id (an assertion), values nested so deeply that
// decoding overflows the stack. A field of another type than specified it takes for missing, and a
// frame for one about handle 0. A repeated SASL frame leaks. All are malformed or pointless.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/amqp/decoding.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace pgw::amqp {

/// One a connection. Feed it every byte in order.
class frame_guard {
public:
    /// Frames larger than this are left to Proton, which refuses them.
    explicit frame_guard(std::uint32_t max_frame) noexcept : max_frame_(max_frame) {}

    /// Empty: pass the bytes on. Otherwise what is wrong; the connection must end.
    std::string_view check(base::bytes_view bytes);

private:
    struct open_delivery {
        std::uint16_t channel;
        std::uint32_t handle;
        bool operator==(const open_delivery&) const = default;
    };
    /// How much of a frame has to be seen to judge it.
    std::size_t needed(base::bytes_view head) const noexcept;
    /// Moves from `bytes` to head_ what needed() asks for; false when it is not all there.
    bool gather(base::bytes_view& bytes);
    std::string_view check_frame(base::bytes_view frame);
    std::string_view check_sasl(std::uint64_t code);
    std::string_view check_transfer(std::uint16_t channel, value_reader fields);
    void forget(std::uint16_t channel, std::uint32_t handle);

    std::uint32_t max_frame_;
    std::vector<std::byte> head_;  ///< The beginning of a frame that is split between reads.
    bool opened_ = false;
    std::uint8_t sasl_seen_ = 0;       ///< One bit for each SASL performative.
    std::size_t to_skip_ = 0;          ///< Of the current frame, already judged.
    std::vector<open_delivery> open_;  ///< Deliveries whose last frame has not come.
};

}  // namespace pgw::amqp
