// Two ordered sets, of what is ready and of what is delayed, over one table of keys.
#include "operator/runtime/work_queue.hpp"

#include "common/base/backoff.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace pgw::runtime {

namespace {

enum class place : std::uint8_t {
    none,     // Not asked for.
    ready,    // In the set of what can be taken.
    delayed,  // In the set of what has to wait.
    dirty,    // Asked for while being processed: placed when that is done.
};

}  // namespace

struct work_queue::impl {
    struct item {
        explicit item(const options& o) : delay(o.backoff_initial, o.backoff_maximum) {}

        base::backoff delay;
        place where = place::none;
        priority rank = priority::normal;        // Of the wish that stands.
        priority taken_rank = priority::normal;  // Of the one being processed.
        bool processing = false;
        std::uint64_t turn = 0;   // Unique; order of arrival in the set it is in.
        base::time_point when{};  // From when on it is wanted, or wanted again.
        base::time_point started{};
    };
    using table = std::unordered_map<std::string, item>;
    using node = table::value_type;
    // Highest priority first, then first come first served.
    using ready_key = std::pair<int, std::uint64_t>;
    using delayed_key = std::pair<base::time_point, std::uint64_t>;

    explicit impl(options o) : settings(o) {}

    static ready_key ready_place(const item& it) { return {-static_cast<int>(it.rank), it.turn}; }
    static delayed_key delayed_place(const item& it) { return {it.when, it.turn}; }

    node& get(const std::string& key) { return *items.try_emplace(key, settings).first; }

    void make_ready(node& n, base::time_point when) {
        n.second.where = place::ready;
        n.second.when = when;
        n.second.turn = ++turns;
        ready.emplace(ready_place(n.second), &n);
    }
    void take_out(node& n) {
        if (n.second.where == place::ready) ready.erase(ready_place(n.second));
        if (n.second.where == place::delayed) delayed.erase(delayed_place(n.second));
        n.second.where = place::none;
    }
    void put(node& n, base::time_point when, base::time_point now) {
        if (when <= now) {
            ++adds;
            make_ready(n, now);
            return;
        }
        n.second.where = place::delayed;
        n.second.when = when;
        n.second.turn = ++turns;
        delayed.emplace(delayed_place(n.second), &n);
    }
    // What is delayed and due becomes ready, in the order in which it fell due.
    void promote(base::time_point now) {
        while (!delayed.empty() && delayed.begin()->first.first <= now) {
            auto& n = *delayed.begin()->second;
            delayed.erase(delayed.begin());
            ++adds;
            make_ready(n, n.second.when);
        }
    }
    void want(node& n, priority p, base::time_point when, base::time_point now);
    // Nothing is kept about a key that is neither wanted nor failing.
    void tidy(const std::string& key) {
        const auto found = items.find(key);
        if (found == items.end()) return;
        const auto& it = found->second;
        if (it.where == place::none && !it.processing && it.delay.attempts() == 0) {
            items.erase(found);
        }
    }

    const options settings;
    table items;
    std::map<ready_key, node*> ready;
    std::map<delayed_key, node*> delayed;
    std::unordered_set<const node*> processing;
    std::uint64_t turns = 0;
    std::uint64_t adds = 0;
    std::uint64_t retries = 0;
};

// The transitions of a wish: the earlier time and the higher priority win.
void work_queue::impl::want(node& n, priority p, base::time_point when, base::time_point now) {
    auto& it = n.second;
    switch (it.where) {
        case place::none:
            it.rank = p;
            if (it.processing) {
                it.where = place::dirty;
                it.when = when;
            } else {
                put(n, when, now);
            }
            return;
        case place::dirty:
            it.rank = std::max(it.rank, p);
            it.when = std::min(it.when, when);
            return;
        case place::ready:
            if (p <= it.rank) return;
            ready.erase(ready_place(it));
            it.rank = p;
            ready.emplace(ready_place(it), &n);
            return;
        case place::delayed:
            it.rank = std::max(it.rank, p);
            if (when >= it.when) return;
            take_out(n);
            put(n, when, now);
            return;
    }
}

work_queue::work_queue(options settings) : impl_(std::make_unique<impl>(settings)) {}

work_queue::~work_queue() = default;

void work_queue::add(const std::string& key, priority p, base::time_point now) {
    impl_->want(impl_->get(key), p, now, now);
}

void work_queue::add_at(const std::string& key, base::time_point when, base::time_point now) {
    auto& n = impl_->get(key);
    // A wish to come back has the priority with which the key came.
    auto rank = priority::normal;
    if (n.second.where != place::none) {
        rank = n.second.rank;
    } else if (n.second.processing) {
        rank = n.second.taken_rank;
    }
    impl_->want(n, rank, when, now);
}

void work_queue::retry(const std::string& key, base::time_point now, std::uint32_t random) {
    ++impl_->retries;
    const auto delay = impl_->get(key).second.delay.next(random);
    add_at(key, now + delay, now);
}

void work_queue::forget(const std::string& key) {
    const auto found = impl_->items.find(key);
    if (found == impl_->items.end()) return;
    found->second.delay.reset();
    impl_->tidy(key);
}

std::optional<work_queue::taken> work_queue::take(base::time_point now) {
    impl_->promote(now);
    if (impl_->ready.empty()) return std::nullopt;
    auto& n = *impl_->ready.begin()->second;
    impl_->take_out(n);
    n.second.processing = true;
    n.second.started = now;
    n.second.taken_rank = n.second.rank;
    impl_->processing.insert(&n);
    return taken{n.first, now - n.second.when};
}

base::duration work_queue::done(const std::string& key, base::time_point now) {
    const auto found = impl_->items.find(key);
    if (found == impl_->items.end() || !found->second.processing) return {};
    auto& it = found->second;
    const auto took = now - it.started;
    it.processing = false;
    impl_->processing.erase(&*found);
    if (it.where == place::dirty) impl_->put(*found, it.when, now);
    impl_->tidy(key);
    return took;
}

std::optional<base::time_point> work_queue::next(base::time_point now) const {
    if (!impl_->ready.empty()) return now;
    if (!impl_->delayed.empty()) return impl_->delayed.begin()->first.first;
    return std::nullopt;
}

work_queue::counts work_queue::count(base::time_point now) const {
    counts all;
    all.depth = impl_->ready.size();
    all.waiting = impl_->delayed.size();
    all.processing = impl_->processing.size();
    all.adds = impl_->adds;
    all.retries = impl_->retries;
    for (const auto* n : impl_->processing) {
        const auto since = now - n->second.started;
        all.longest_processing = std::max(all.longest_processing, since);
        all.unfinished += since;
    }
    return all;
}

void work_queue::remove(const std::string& key) {
    const auto found = impl_->items.find(key);
    if (found == impl_->items.end()) return;
    impl_->take_out(*found);
    found->second.delay.reset();
    impl_->tidy(key);
}

}  // namespace pgw::runtime
