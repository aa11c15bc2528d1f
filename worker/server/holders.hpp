// Which connections of a thread hold most of the budget, so that the largest can be let go of
// first.
#pragma once

#include "common/base/intrusive_list.hpp"

#include <array>
#include <bit>
#include <cstddef>

namespace pgw::server {

/// Pure. Sizes count by powers of two; changing one is O(1). Who holds less than `least` is not
/// worth disconnecting and not kept.
template <class T>
class budget_holders {
public:
    static constexpr std::size_t least = 1024;

    /// Embedded in T, which it names.
    class entry : private base::list_link<entry> {
    public:
        explicit entry(T& owner) noexcept : owner_(owner) {}
        ~entry() {
            if (shelf_ != 0) base::intrusive_list<entry>::unlink(*this);
        }
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;

    private:
        friend class budget_holders;
        friend class base::intrusive_list<entry>;
        T& owner_;
        std::size_t shelf_ = 0;  ///< 0: in none.
    };

    void update(entry& one, std::size_t size) noexcept {
        const auto shelf = size < least ? 0 : std::size_t(std::bit_width(size));
        if (shelf == one.shelf_) return;
        if (one.shelf_ != 0) base::intrusive_list<entry>::unlink(one);
        if (shelf != 0) shelves_[shelf].push_back(one);
        one.shelf_ = shelf;
    }

    /// Of those that hold most the one that has done so longest, but not `spared`; null: nobody
    /// holds `at_least` bytes (to a power of two).
    T* largest(std::size_t at_least = 0, const T* spared = nullptr) noexcept {
        const auto lowest = std::size_t(std::bit_width(at_least));
        for (std::size_t shelf = shelves_.size(); shelf-- > lowest;) {
            auto& these = shelves_[shelf];
            if (these.empty()) continue;
            if (&these.front().owner_ == spared) {
                auto& passed_over = these.front();
                base::intrusive_list<entry>::unlink(passed_over);
                these.push_back(passed_over);
            }
            if (&these.front().owner_ != spared) return &these.front().owner_;
        }
        return nullptr;
    }

private:
    std::array<base::intrusive_list<entry>, 65> shelves_;
};

}  // namespace pgw::server
