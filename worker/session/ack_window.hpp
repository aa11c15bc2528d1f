// The QoS 1 publications of one connection that have no PUBACK yet, in order of arrival.
#pragma once

#include "worker/mqtt/reason_code.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgw::session {

enum class ack_state : std::uint8_t {
    pending,      ///< No result yet.
    acknowledge,  ///< PUBACK with `reason` when its turn comes.
    disconnect,   ///< 3.x: the connection ends when its turn comes.
};

struct ack_slot {
    std::uint32_t sequence = 0;  ///< The publisher's; meaningful while pending.
    std::uint32_t bytes = 0;     ///< Size of the PUBLISH.
    std::uint16_t packet_id = 0;
    ack_state state = ack_state::pending;
    mqtt::reason_code reason = mqtt::reason_code::success;
};

/// A ring. It allocates at the first publication and doubles when full; the owner bounds its size
/// by the receive maximum.
class ack_window {
public:
    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    /// Bytes of the publications in the window.
    std::size_t bytes() const noexcept { return bytes_; }

    /// Whether a publication with this identifier is in the window. O(1) while identifiers follow
    /// each other, as those of clients do.
    bool contains(std::uint16_t packet_id) const noexcept;
    ack_slot& push(std::uint16_t packet_id, std::size_t bytes);
    /// The pending slot of this sequence number, or null. O(1) for results that come in order.
    ack_slot* find(std::uint32_t sequence) noexcept;
    ack_slot& front() noexcept { return ring_[head_]; }
    void pop() noexcept;

    /// Keeps the text of a slot that has to wait for its turn; most have none. Of a window full of
    /// refusals only the first few are kept.
    void keep_text(std::uint16_t packet_id, std::string_view text);
    /// Takes the text of the slot out again.
    std::string take_text(std::uint16_t packet_id);

    /// Gives memory back that an idle connection does not need. Only when empty.
    void trim() noexcept;

private:
    ack_slot& at(std::size_t index) const noexcept {
        return ring_[(head_ + index) & (capacity_ - 1)];
    }
    void grow();

    std::unique_ptr<ack_slot[]> ring_;
    std::vector<std::pair<std::uint16_t, std::string>> texts_;
    std::uint32_t capacity_ = 0;  ///< A power of two, or 0.
    std::uint32_t head_ = 0;
    std::uint32_t size_ = 0;
    std::uint32_t bytes_ = 0;
    bool consecutive_ = true;  ///< Each identifier is its predecessor's plus one.
};

}  // namespace pgw::session
