// The connections of one thread that have not proved anything yet: accepted, no whole CONNECT.
#pragma once

#include "common/base/intrusive_list.hpp"

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>

namespace pgw::server {

/// Who shares a place in the pool: one listener's connections from one address. Of IPv6 the first
/// 64 bits count, since whoever has one address there has them all.
struct source {
    const void* listener = nullptr;
    std::array<std::uint8_t, 16> address{};

    auto operator<=>(const source&) const = default;
};

/// Who is in the pool.
class pending_owner {
public:
    /// Somebody else gets its place: close, and leave the pool.
    virtual void give_way() = 0;

protected:
    ~pending_owner() = default;
};

/// Pure. Full, it names who has to go: the oldest of the source that has most in it. A flood from
/// one address, or on one listener, so pushes out itself and nobody else; a flood from everywhere
/// pushes out what has waited longest. The newest is never turned away. All is O(log sources).
class pending_pool {
    struct group;

public:
    /// Embedded in the connection. Leaves the pool when destroyed.
    class entry : private base::list_link<entry> {
    public:
        explicit entry(pending_owner& owner) noexcept : owner_(owner) {}
        ~entry() {
            if (pool_ != nullptr) pool_->remove(*this);
        }
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;
        pending_owner& owner() noexcept { return owner_; }
        void leave() noexcept {
            if (pool_ != nullptr) pool_->remove(*this);
        }

    private:
        friend class pending_pool;
        friend class base::intrusive_list<entry>;
        pending_owner& owner_;
        pending_pool* pool_ = nullptr;
        group* group_ = nullptr;
    };

    explicit pending_pool(std::size_t limit) : limit_(limit) {}
    pending_pool(const pending_pool&) = delete;
    pending_pool& operator=(const pending_pool&) = delete;

    void add(entry& added, const source& from);
    /// Who has to go before another may come; null: there is room.
    entry* surplus() noexcept { return size_ < limit_ ? nullptr : least_worthy(); }
    /// Who goes first if somebody has to; null: nobody is here.
    entry* least_worthy() noexcept;
    std::size_t size() const noexcept { return size_; }

private:
    struct group : base::list_link<group> {
        base::intrusive_list<entry> entries;  ///< The oldest first.
        std::size_t size = 0;
        std::map<source, group>::iterator self;
    };

    void remove(entry& gone) noexcept;
    /// Groups by the number of bits of their size, so that a largest one is found at once.
    base::intrusive_list<group>& shelf(std::size_t size) noexcept {
        return by_size_[std::size_t(std::bit_width(size))];
    }

    std::size_t limit_;
    std::size_t size_ = 0;
    std::map<source, group> groups_;
    std::array<base::intrusive_list<group>, 33> by_size_;
};

}  // namespace pgw::server
