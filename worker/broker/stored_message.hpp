// A message at rest in the broker: shared bytes and its place in the queue's order.
#pragma once

#include "common/base/bytes.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace pgw::broker {

struct stored_message {
    std::shared_ptr<const std::byte[]> bytes;  ///< Shared by the copies of a topic.
    std::size_t size = 0;
    std::uint64_t sequence = 0;         ///< Place in the queue; a returned message goes back there.
    std::uint32_t failed_attempts = 0;  ///< Added to the header's delivery-count.

    base::bytes_view view() const noexcept { return {bytes.get(), size}; }
    /// What it counts against bounds: its bytes and our own for it.
    std::size_t cost() const noexcept { return size + 64; }
};

inline stored_message store(base::bytes_view message) {
    auto bytes = std::make_shared_for_overwrite<std::byte[]>(message.size());
    if (!message.empty()) std::memcpy(bytes.get(), message.data(), message.size());
    return {std::move(bytes), message.size(), 0, 0};
}

/// Writes the message with `failed_attempts` added to its header's delivery-count into `out` and
/// returns it; the rest of the bytes stays as it is. [3.2.1]
base::bytes_view with_delivery_count(const stored_message& message, std::vector<std::byte>& out);

/// The unsettled deliveries of a consumer under reusable tokens: no allocation in steady state.
class unsettled_table {
public:
    std::uint64_t put(stored_message message);
    /// False when the token is not outstanding.
    bool take(std::uint64_t token, stored_message& out);
    std::vector<stored_message> take_all();  ///< Newest in the queue's order first.
    std::size_t size() const noexcept { return slots_.size() - free_.size(); }

private:
    struct slot {
        stored_message message;
        std::uint32_t generation = 0;
        bool used = false;
    };
    std::vector<slot> slots_;
    std::vector<std::uint32_t> free_;
};

}  // namespace pgw::broker
