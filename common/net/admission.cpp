#include "common/net/admission.hpp"

#include <algorithm>

namespace pgw::net {

admission::admission(std::size_t most, std::size_t most_streaming)
    : most_(std::max<std::size_t>(most, 1)),
      most_streaming_(std::max<std::size_t>(most_streaming, 1)) {
    entries_.reserve(most_);
}

std::optional<admission::id> admission::on_opened(id who, source_key source, base::time_point now) {
    // The victim is chosen before the newcomer is among the candidates.
    const auto victim = entries_.size() >= most_ ? take_victim() : std::nullopt;
    entries_.push_back({who, source, phase::waiting, now});
    return victim;
}

void admission::on_request(id who, base::time_point now) {
    if (auto* const found = find(who)) *found = {who, found->source, phase::answering, now};
}

std::optional<admission::id> admission::on_long_request(id who, base::time_point now) {
    auto* const found = find(who);
    if (found == nullptr) return std::nullopt;
    const auto* const victim =
        count(phase::streaming) >= most_streaming_ ? oldest_streaming() : nullptr;
    *found = {who, found->source, phase::streaming, now};
    return take(victim);
}

void admission::on_answered(id who, base::time_point now) {
    if (auto* const found = find(who)) *found = {who, found->source, phase::waiting, now};
}

void admission::on_closed(id who) {
    take(find(who));
}

std::optional<admission::id> admission::take_victim() {
    const auto victim = std::ranges::min_element(entries_, [this](const entry& a, const entry& b) {
        return goes_before(a, b);
    });
    return take(victim == entries_.end() ? nullptr : &*victim);
}

// Who asks for nothing goes before who reads slowly, and that one before who is being answered.
// Of those who wait, one of the source that holds most: a flood from one place then only ever costs
// that place.
bool admission::goes_before(const entry& a, const entry& b) const {
    if (a.state != b.state) return a.state < b.state;
    if (a.state == phase::waiting && a.source != b.source) {
        const auto of_a = waiting_of(a.source);
        const auto of_b = waiting_of(b.source);
        if (of_a != of_b) return of_a > of_b;
    }
    return a.since < b.since;
}

admission::entry* admission::find(id who) {
    const auto found = std::ranges::find(entries_, who, &entry::who);
    return found == entries_.end() ? nullptr : &*found;
}

std::size_t admission::count(phase state) const {
    return static_cast<std::size_t>(std::ranges::count(entries_, state, &entry::state));
}

std::size_t admission::waiting_of(source_key source) const {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [&](const entry& each) {
        return each.source == source && each.state == phase::waiting;
    }));
}

const admission::entry* admission::oldest_streaming() const {
    const entry* oldest = nullptr;
    for (const auto& each : entries_) {
        if (each.state != phase::streaming) continue;
        if (oldest == nullptr || each.since < oldest->since) oldest = &each;
    }
    return oldest;
}

std::optional<admission::id> admission::take(const entry* what) {
    if (what == nullptr) return std::nullopt;
    const auto who = what->who;
    entries_.erase(entries_.begin() + (what - entries_.data()));
    return who;
}

}  // namespace pgw::net
