// Runs the passes of a loop turn.
#include "common/base/flush_queue.hpp"

namespace pgw::base {

flush_queue::~flush_queue() {
    const auto forget = [](flushable& item) { intrusive_list<flushable>::unlink(item); };
    upstream_.for_each(forget);
    device_.for_each(forget);
    batch_.for_each(forget);
}

bool flush_queue::run(int rounds) {
    for (int round = 0; round < rounds && !empty(); ++round) {
        pass(upstream_);
        pass(device_);
    }
    return !empty();
}

void flush_queue::pass(intrusive_list<flushable>& marked) {
    // What is marked from now on belongs to the next pass, so that two items that mark each other
    // cannot keep this one going for ever.
    batch_.append(marked);
    while (!batch_.empty()) {
        auto& item = batch_.front();
        intrusive_list<flushable>::unlink(item);
        item.flush();
    }
}

}  // namespace pgw::base
