// A first-in first-out arena of contiguous byte regions: the encoded messages that wait for their
// outcome. Grows by doubling to a bound.
#pragma once

#include "common/base/assert.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace pgw::bridge {

/// Positions grow for ever; a region stays at its position until everything before and including it
/// is released. Regions never wrap: what does not fit before the end starts at the beginning.
class byte_ring {
public:
    explicit byte_ring(std::size_t maximum) : maximum_(std::bit_ceil(std::max(maximum, minimum))) {}

    /// A region of `size` bytes behind all others, or an empty span when the bound is reached.
    /// Holds until the next allocate; becomes part of the ring with commit().
    std::span<std::byte> allocate(std::size_t size) {
        if (size == 0 || size > maximum_) return {};
        for (;;) {
            if (capacity_ != 0) {
                const auto offset = tail_ & (capacity_ - 1);
                const auto start =
                    offset + size <= capacity_ ? tail_ : tail_ + (capacity_ - offset);
                if (start + size - head_ <= capacity_) {
                    allocated_ = start;
                    allocated_size_ = size;
                    return {at(start), size};
                }
                if (capacity_ >= maximum_) return {};
            }
            grow();
        }
    }
    /// Keeps the first `size` bytes of the last allocation and returns their position.
    std::uint64_t commit(std::size_t size) noexcept {
        PGW_ASSERT(size <= allocated_size_);
        PGW_ASSERT(allocated_ >= tail_);
        tail_ = allocated_ + size;
        return allocated_;
    }
    /// Releases everything before `position`.
    void release(std::uint64_t position) noexcept {
        PGW_ASSERT(position >= head_ && position <= tail_);
        head_ = position;
    }
    /// Releases everything, and the memory beyond the minimum.
    void reset() noexcept {
        head_ = tail_;
        if (capacity_ <= minimum) return;
        bytes_.reset();
        capacity_ = 0;
    }

    std::byte* at(std::uint64_t position) noexcept {
        return bytes_.get() + (position & (capacity_ - 1));
    }
    std::uint64_t tail() const noexcept { return tail_; }
    std::size_t used() const noexcept { return tail_ - head_; }
    std::size_t maximum() const noexcept { return maximum_; }

private:
    static constexpr std::size_t minimum = 64 << 10;

    void grow() {
        const auto larger = capacity_ == 0 ? minimum : capacity_ * 2;
        auto bytes = std::make_unique_for_overwrite<std::byte[]>(larger);
        // A region keeps its position and stays contiguous: doubling only splits the old laps.
        for (auto from = head_; from < tail_;) {
            const auto offset = from & (capacity_ - 1);
            const auto size = std::min<std::uint64_t>(tail_ - from, capacity_ - offset);
            std::memcpy(bytes.get() + (from & (larger - 1)), bytes_.get() + offset, size);
            from += size;
        }
        bytes_ = std::move(bytes);
        capacity_ = larger;
    }

    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_ = 0;
    std::size_t maximum_;
    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;
    std::uint64_t allocated_ = 0;
    std::size_t allocated_size_ = 0;  ///< Of the last allocation.
};

}  // namespace pgw::bridge
