// Descriptors that are kept for the moment when a process has no other left.
#pragma once

#include <cstddef>
#include <vector>

namespace pgw::base {

/// One thread. Holds descriptors of nothing; giving one up lets the next accept(2) or open(2) have
/// it. Another thread may be faster: whoever needs the descriptor tries again while give_up() says
/// yes.
class descriptor_reserve {
public:
    explicit descriptor_reserve(std::size_t count);
    ~descriptor_reserve();
    descriptor_reserve(const descriptor_reserve&) = delete;
    descriptor_reserve& operator=(const descriptor_reserve&) = delete;

    /// Closes one; false: there is none left.
    bool give_up();
    /// Takes back what was given up, as far as there are descriptors.
    void refill();
    std::size_t size() const noexcept { return held_.size(); }

private:
    std::size_t count_;
    std::vector<int> held_;
};

}  // namespace pgw::base
