// What a loop turn still has to write. Handlers mark a connection dirty; the loop flushes each once
// at the end of its turn.
#pragma once

#include "common/base/intrusive_list.hpp"

namespace pgw::base {

/// Something that collects output during a turn and writes it once at the end. Derive, mark,
/// forget; destruction unmarks, also while the queue runs.
class flushable : private list_link<flushable> {
public:
    flushable() = default;
    flushable(const flushable&) = delete;
    flushable& operator=(const flushable&) = delete;
    virtual ~flushable() {
        if (marked()) intrusive_list<flushable>::unlink(*this);
    }

    /// Writes what has been collected. It is unmarked when called and may mark itself and others
    /// again.
    virtual void flush() = 0;
    bool marked() const noexcept { return intrusive_list<flushable>::linked(*this); }

private:
    friend class intrusive_list<flushable>;
};

/// One a thread, used only there. `mark` is O(1), idempotent, and allocates nothing. Stages run in
/// order within a turn: AMQP connections first, so that the acknowledgements they produce leave
/// with the device connections of the same turn.
class flush_queue {
public:
    enum class stage : unsigned char { upstream, device };

    flush_queue() = default;
    ~flush_queue();  ///< Forgets what is still marked.

    void mark(flushable& item, stage when) {
        if (item.marked()) return;
        (when == stage::upstream ? upstream_ : device_).push_back(item);
    }
    /// Runs until nothing is marked or `rounds` passes are done. Returns whether something is still
    /// marked. Not reentrant.
    bool run(int rounds = 4);
    bool empty() const noexcept { return upstream_.empty() && device_.empty(); }

private:
    void pass(intrusive_list<flushable>& marked);

    intrusive_list<flushable> upstream_;
    intrusive_list<flushable> device_;
    intrusive_list<flushable> batch_;  // what the running pass has not flushed yet
};

}  // namespace pgw::base
