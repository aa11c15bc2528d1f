// What a loop turn still has to write. Handlers mark a connection dirty; the loop flushes each once
// at the end of its turn.
#pragma once

#include <cstddef>
#include <vector>

namespace pgw::base {

class flush_queue;

/// Something that collects output during a turn and writes it once at the end. Derive, mark,
/// forget; destruction unmarks.
class flushable {
public:
    flushable() = default;
    flushable(const flushable&) = delete;
    flushable& operator=(const flushable&) = delete;
    virtual ~flushable();

    /// Writes what has been collected. May mark itself and others again.
    virtual void flush() = 0;

private:
    friend class flush_queue;
    flush_queue* queue_ = nullptr;
    std::size_t position_ = 0;
};

/// One a thread, used only there. `mark` is O(1) and idempotent. Stages run in order within a turn:
/// AMQP connections first, so that the acknowledgements they produce leave with the device
/// connections of the same turn.
class flush_queue {
public:
    enum class stage : unsigned char { upstream, device };

    void mark(flushable& item, stage stage) {
        if (item.queue_ != nullptr) return;
        auto& list = stage == stage::upstream ? upstream_ : device_;
        item.queue_ = this;
        item.position_ = list.size() * 2 + (stage == stage::device ? 1 : 0);
        list.push_back(&item);
    }
    /// Runs until nothing is marked or `rounds` passes are done. Returns whether something is still
    /// marked.
    bool run(int rounds = 4);
    bool empty() const noexcept { return upstream_.empty() && device_.empty(); }

private:
    friend class flushable;
    void pass(std::vector<flushable*>& list);
    void unmark(flushable& item) noexcept;

    std::vector<flushable*> upstream_;
    std::vector<flushable*> device_;
    std::vector<flushable*>* running_ = nullptr;
    std::vector<flushable*> batch_;
};

}  // namespace pgw::base
