// The ring of unacknowledged publications.
#include "worker/session/ack_window.hpp"

#include <algorithm>

namespace pgw::session {
namespace {

constexpr std::uint32_t first_capacity = 8;
constexpr std::size_t most_texts = 8;

}  // namespace

bool ack_window::contains(std::uint16_t packet_id) const noexcept {
    if (size_ == 0) return false;
    if (consecutive_) return std::uint16_t(packet_id - at(0).packet_id) < size_;
    for (std::size_t i = 0; i < size_; ++i) {
        if (at(i).packet_id == packet_id) return true;
    }
    return false;
}

ack_slot& ack_window::push(std::uint16_t packet_id, std::size_t bytes) {
    if (size_ == capacity_) grow();
    if (size_ == 0) {
        consecutive_ = true;
    } else if (packet_id != std::uint16_t(at(size_ - 1).packet_id + 1)) {
        consecutive_ = false;
    }
    ack_slot& slot = at(size_++);
    slot = {.bytes = std::uint32_t(bytes), .packet_id = packet_id};
    bytes_ += slot.bytes;
    return slot;
}

ack_slot* ack_window::find(std::uint32_t sequence) noexcept {
    if (size_ == 0) return nullptr;
    const auto matches = [sequence](const ack_slot& slot) {
        return slot.state == ack_state::pending && slot.sequence == sequence;
    };
    // Sequence numbers usually follow each other, so the distance to the first is the place.
    const std::uint32_t guess = sequence - at(0).sequence;
    if (guess < size_ && matches(at(guess))) return &at(guess);
    for (std::size_t i = 0; i < size_; ++i) {
        if (matches(at(i))) return &at(i);
    }
    return nullptr;
}

void ack_window::pop() noexcept {
    bytes_ -= at(0).bytes;
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
}

void ack_window::keep_text(std::uint16_t packet_id, std::string_view text) {
    if (texts_.size() < most_texts) texts_.emplace_back(packet_id, text);
}

std::string ack_window::take_text(std::uint16_t packet_id) {
    const auto found = std::find_if(texts_.begin(), texts_.end(), [packet_id](const auto& entry) {
        return entry.first == packet_id;
    });
    if (found == texts_.end()) return {};
    std::string text = std::move(found->second);
    texts_.erase(found);
    return text;
}

void ack_window::trim() noexcept {
    if (size_ != 0 || capacity_ <= first_capacity) return;
    ring_.reset();
    capacity_ = 0;
    head_ = 0;
}

void ack_window::grow() {
    const std::uint32_t capacity = capacity_ == 0 ? first_capacity : capacity_ * 2;
    auto ring = std::make_unique<ack_slot[]>(capacity);
    for (std::size_t i = 0; i < size_; ++i) ring[i] = at(i);
    ring_ = std::move(ring);
    capacity_ = capacity;
    head_ = 0;
}

}  // namespace pgw::session
