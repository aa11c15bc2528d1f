// What a connection has received and cannot process yet: a partial packet, or whole ones that wait
// behind a pause. Charged to the budget of the process.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/base/bytes.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace pgw::server {

/// Grows by doubling, so that a byte is copied at most twice however many reads a packet takes;
/// what is consumed moves nothing. Holds no memory while it is empty.
class input_buffer {
public:
    explicit input_buffer(base::byte_budget& budget) noexcept : charge_(budget) {}

    bool empty() const noexcept { return begin_ == end_; }
    std::size_t size() const noexcept { return end_ - begin_; }
    base::bytes_view bytes() const noexcept { return {memory_.get() + begin_, size()}; }
    /// Bytes charged: the capacity.
    std::size_t held() const noexcept { return charge_.held(); }

    /// What `size` bytes more would add to the charge, at most.
    std::size_t growth(std::size_t size) const noexcept;
    /// Room for `size` bytes behind the last; empty: the budget has none. Then commit().
    std::span<std::byte> room(std::size_t size);
    void commit(std::size_t size) noexcept { end_ += size; }
    /// Appends a copy; false: the budget has no room.
    bool append(base::bytes_view bytes);
    /// Removes from the front.
    void consume(std::size_t size) noexcept;
    void clear() noexcept;

private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    base::byte_charge charge_;
};

}  // namespace pgw::server
