#include "worker/server/input_buffer.hpp"

#include <bit>
#include <cstring>

namespace pgw::server {

std::size_t input_buffer::growth(std::size_t size) const noexcept {
    const auto needed = this->size() + size;
    return needed > held() ? std::bit_ceil(needed) - held() : 0;
}

std::span<std::byte> input_buffer::room(std::size_t size) {
    const auto used = this->size();
    if (end_ + size <= held()) return {memory_.get() + end_, size};
    if (used + size > held()) {
        const auto capacity = std::bit_ceil(used + size);
        // Both exist while the bytes are copied, but never for longer than this call.
        if (!charge_.resize(capacity)) return {};
        auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
        if (used > 0) std::memcpy(larger.get(), memory_.get() + begin_, used);
        memory_ = std::move(larger);
    } else {
        std::memmove(memory_.get(), memory_.get() + begin_, used);
    }
    begin_ = 0;
    end_ = used;
    return {memory_.get() + end_, size};
}

bool input_buffer::append(base::bytes_view bytes) {
    if (bytes.empty()) return true;
    const auto to = room(bytes.size());
    if (to.empty()) return false;
    std::memcpy(to.data(), bytes.data(), bytes.size());
    commit(bytes.size());
    return true;
}

void input_buffer::consume(std::size_t size) noexcept {
    begin_ += size;
    if (empty()) clear();
}

void input_buffer::clear() noexcept {
    memory_.reset();
    begin_ = end_ = 0;
    charge_.clear();
}

}  // namespace pgw::server
