// Finds the message for which the peer ends links, sessions or connections.
//
// After such an end every delivery without an outcome is a suspect, and suspects go one at a time:
// whoever gets an outcome is innocent, and when the peer ends it again with one alone in flight,
// that one is the culprit. The others are then free again; a culprit waits behind everyone else and
// goes only while nothing else is in flight, until an outcome comes or its attempts are used up.
//
// A lane has a quarantine of its own, for the ends of its link, and the lanes of an upstream share
// one, for the ends of what they have in common. Nothing is counted while neither is active.
#pragma once

#include "common/base/assert.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pgw::bridge {

/// What a quarantine needs of a lane.
class quarantined {
public:
    virtual std::size_t in_flight() const noexcept = 0;
    /// Sends what may go now.
    virtual void resume() = 0;
    /// The culprit is found: nobody else is suspected any more.
    virtual void clear_suspects(const class quarantine& of) noexcept = 0;

protected:
    ~quarantined() = default;
};

class quarantine {
public:
    void join(quarantined& lane) { lanes_.push_back(&lane); }
    void leave(const quarantined& lane) noexcept {
        std::erase(lanes_, &lane);
        if (floor_lane_ == &lane) floor_lane_ = nullptr;
    }

    bool active() const noexcept { return suspects_ > 0 || floor_lane_ != nullptr; }
    void suspect() noexcept { ++suspects_; }
    void acquit() noexcept {
        PGW_ASSERT(suspects_ > 0);
        --suspects_;
    }
    void clear_suspects() noexcept {
        for (auto* lane : lanes_) lane->clear_suspects(*this);
    }

    /// Whether this message may go now. A culprit has to claim the floor first.
    bool admits(const quarantined& lane, std::uint64_t number) const noexcept {
        if (!active()) return true;
        if (floor_lane_ != nullptr && !has_floor(lane, number)) return false;
        return std::all_of(lanes_.begin(), lanes_.end(), [](const quarantined* other) {
            return other->in_flight() == 0;
        });
    }
    /// Stops everyone else until yield(); false while another culprit has the floor.
    bool claim(const quarantined& lane, std::uint64_t number) noexcept {
        if (floor_lane_ == nullptr) {
            floor_lane_ = &lane;
            floor_ = number;
        }
        return has_floor(lane, number);
    }
    void yield(const quarantined& lane, std::uint64_t number) noexcept {
        if (has_floor(lane, number)) floor_lane_ = nullptr;
    }
    void resume_all() {
        for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i]->resume();
    }

private:
    bool has_floor(const quarantined& lane, std::uint64_t number) const noexcept {
        return floor_lane_ == &lane && floor_ == number;
    }

    std::vector<quarantined*> lanes_;
    std::size_t suspects_ = 0;
    const quarantined* floor_lane_ = nullptr;
    std::uint64_t floor_ = 0;
};

}  // namespace pgw::bridge
