// One budget for every byte that peers can make the process keep: partial packets, Wills, aliases,
// output, unfinished transfers, queues. A bound per thing times many things is no bound; this is
// the bound in sum.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace pgw::base {

/// Shared by all threads of a process; outlives everything that charges it. Charging is one
/// relaxed atomic exchange and belongs where memory is taken, never on the steady message path,
/// which takes none. It counts and decides nothing: who is refused a charge sheds load.
class byte_budget {
public:
    explicit byte_budget(std::size_t limit) noexcept : limit_(limit) {}
    byte_budget(const byte_budget&) = delete;
    byte_budget& operator=(const byte_budget&) = delete;

    /// False, with nothing charged, when that would exceed the limit. used() never does.
    bool charge(std::size_t bytes) noexcept {
        auto used = used_.load(std::memory_order_relaxed);
        do {
            if (used > limit_ || bytes > limit_ - used) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        return true;
    }
    /// Gives back what was charged.
    void release(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

    std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
    std::size_t limit() const noexcept { return limit_; }

private:
    const std::size_t limit_;
    /// On a cache line of its own: what lies beside it is read by every thread.
    alignas(64) std::atomic<std::size_t> used_{0};
};

/// What one owner has charged, given back when it is destroyed. One thread at a time.
class byte_charge {
public:
    explicit byte_charge(byte_budget& budget) noexcept : budget_(&budget) {}
    byte_charge(byte_charge&& other) noexcept
        : budget_(other.budget_), held_(std::exchange(other.held_, 0)) {}
    byte_charge& operator=(byte_charge&& other) noexcept {
        if (this == &other) return *this;
        clear();
        budget_ = other.budget_;
        held_ = std::exchange(other.held_, 0);
        return *this;
    }
    ~byte_charge() { clear(); }

    /// Holds `bytes` in all from now on. Growing may fail: false, and what was held stays. Shrinking
    /// never fails.
    bool resize(std::size_t bytes) noexcept {
        if (bytes > held_) {
            if (!budget_->charge(bytes - held_)) return false;
        } else if (bytes < held_) {
            budget_->release(held_ - bytes);
        }
        held_ = bytes;
        return true;
    }
    bool grow(std::size_t bytes) noexcept { return resize(held_ + bytes); }
    void clear() noexcept { resize(0); }
    std::size_t held() const noexcept { return held_; }

private:
    byte_budget* budget_;
    std::size_t held_ = 0;
};

}  // namespace pgw::base
