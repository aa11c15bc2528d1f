// Sending, settling, deferring and resending of one lane's entries.
#include "worker/bridge/lane.hpp"

#include "common/base/assert.hpp"
#include "worker/bridge/refusal.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace pgw::bridge {
namespace {

constexpr std::size_t initial_entries = 64;
constexpr std::uint32_t ticks_until_quiet = 10;
/// So many losses without an acceptance between them are no accident: suspects go one at a time,
/// though a loss that the peer gave no reason for counts as nobody's attempt.
constexpr std::uint32_t barren_losses_until_careful = 3;

/// Between the sends of a returned message: doubling from 50 ms to 2 s.
base::milliseconds retry_delay(std::uint16_t attempts, std::uint32_t random) noexcept {
    const auto step = std::min<std::int64_t>(2000, 50ll << std::min<std::uint16_t>(attempts, 6));
    return base::milliseconds(step / 2 + static_cast<std::int64_t>(random % (step / 2 + 1)));
}

}  // namespace

lane::lane(
    amqp::uplink& uplink,
    const amqp::sender_options& options,
    const manifest::upstream_limits& limits,
    const amqp::profile& profile,
    quarantine& shared,
    lane_host& host
)
    : host_(host),
      profile_(profile),
      limits_(limits),
      presettled_(options.presettled),
      bytes_(limits.max_unsettled_bytes),
      entries_(initial_entries),
      shared_(shared),
      sender_(uplink.open_sender(options, *this)) {
    own_.join(*this);
    shared_.join(*this);
}

lane::~lane() {
    // What is left here must not hold the others back.
    for (auto n = first_; n < last_; ++n) exonerate(n);
    shared_.leave(*this);
}

std::span<std::byte> lane::reserve(std::size_t bound) {
    std::span<std::byte> region;
    if (last_ - first_ < limits_.max_unsettled) region = bytes_.allocate(bound);
    if (region.empty()) starved_writer_ = true;
    return region;
}

bool lane::submit(const publication& publication, std::size_t size) {
    if (last_ - first_ == entries_.size()) grow_entries();
    const auto number = last_;
    auto& e = at(number);
    // With others waiting it has to wait behind them, whatever the link could take.
    const bool backlog = cursor_ != last_;
    e = entry{};
    e.what = publication;
    e.position = bytes_.commit(size);
    e.size = static_cast<std::uint32_t>(size);
    e.state = entry_state::waiting;

    auto status = amqp::send_status::no_credit;
    const bool held = !backlog && held_back(e);
    if (!backlog && !held && admitted(number)) {
        status = sender_->try_send({bytes_.at(e.position), e.size}, number);
        if (status == amqp::send_status::too_large) {
            // last_ has not moved: the next message takes this place.
            e.state = entry_state::finished;
            return false;
        }
    }
    ++last_;
    if (status == amqp::send_status::sent) {
        cursor_ = last_;
        if (presettled_) {
            // It has left: nothing to keep.
            e.state = entry_state::finished;
            host_.metrics().accepted.add();
            trim();
            return true;
        }
        e.state = entry_state::sent;
        ++in_flight_;
        e.attempts = 1;
        if (e.what.strict) ++e.what.stream->hold_on(*this).strict_in_flight;
    }
    ++live_;
    if (!presettled_) {
        host_.metrics().in_flight.add(1);
        host_.metrics().in_flight_bytes.add(e.size);
    }
    if (held) {
        // Out of the cursor's way, so that other streams are not held up.
        defer(number, {});
        cursor_ = last_;
    }
    return true;
}

bool lane::held_back(const entry& e) noexcept {
    if (e.what.stream == nullptr) return false;
    const auto* hold = e.what.stream->find_hold(*this);
    return hold != nullptr && (hold->deferred > 0 || hold->resending > 0 ||
                               (e.what.strict && hold->strict_in_flight > 0));
}

// Whether neither quarantine keeps it. A pre-settled message leaves no trace by which it could be
// found, so none goes while the upstream's culprit is looked for.
bool lane::admitted(std::uint64_t number) noexcept {
    if (!careful()) return true;
    if (presettled_) return !shared_.active();
    return own_.admits(*this, number) && shared_.admits(*this, number);
}

bool lane::claim_floor(std::uint64_t number) noexcept {
    auto& where = quarantine_of(at(number));
    // Nobody waits for one that could not go anyway.
    if (sender_->state() != amqp::sender_state::ready) {
        where.yield(*this, number);
        return false;
    }
    return where.claim(*this, number) && admitted(number);
}

void lane::pump() {
    while (cursor_ < last_) {
        const auto number = cursor_;
        auto& e = at(number);
        if (e.state == entry_state::waiting) {
            if (held_back(e)) {
                defer(number, {});
            } else if (!admitted(number) || !send(number)) {
                return;
            }
        }
        cursor_ = std::max(number + 1, first_);
    }
}

bool lane::expired(const entry& e, base::time_point now) const noexcept {
    return e.what.ttl_offset != 0 && now - e.what.submitted >= base::milliseconds(e.what.ttl);
}

// What is left of the time to live when the message leaves late or again.
void lane::patch_ttl(entry& e, base::time_point now) noexcept {
    if (e.what.ttl_offset == 0) return;
    const auto waited = std::chrono::duration_cast<base::milliseconds>(now - e.what.submitted);
    const auto left = static_cast<std::uint32_t>(e.what.ttl - waited.count());
    amqp::writer({bytes_.at(e.position), e.size}).patch32(e.what.ttl_offset, left);
}

bool lane::send(std::uint64_t number) {
    auto& e = at(number);
    const auto now = host_.now();
    if (expired(e, now)) {
        finish(
            number, {result_class::expired, refusal::none, silent_refusal::disconnect, "expired"}
        );
        return true;
    }
    patch_ttl(e, now);
    switch (sender_->try_send({bytes_.at(e.position), e.size}, number)) {
        case amqp::send_status::sent:
            break;
        case amqp::send_status::too_large:
            finish(
                number,
                {result_class::refused,
                 refusal::quota,
                 silent_refusal::disconnect,
                 "larger than the upstream takes"}
            );
            return true;
        case amqp::send_status::no_credit:
        case amqp::send_status::window_full:
        case amqp::send_status::closed:
            return false;
    }
    if (presettled_) {
        finish(number, {});
        return true;
    }
    e.state = entry_state::sent;
    ++in_flight_;
    if (e.attempts > 0) {
        host_.metrics().resent.add();
        if (e.in_doubt) host_.metrics().possible_duplicates.add();
    }
    e.in_doubt = false;
    if (e.attempts < std::numeric_limits<std::uint16_t>::max()) ++e.attempts;
    if (e.what.strict) ++e.what.stream->hold_on(*this).strict_in_flight;
    return true;
}

void lane::defer(std::uint64_t number, base::time_point retry_at) {
    auto& e = at(number);
    PGW_ASSERT(!presettled_ && e.what.stream != nullptr);
    e.state = entry_state::deferred;
    e.retry_at = retry_at;
    ++e.what.stream->hold_on(*this).deferred;
    deferred_.insert(std::upper_bound(deferred_.begin(), deferred_.end(), number), number);
}

// Sends what may go of the deferred entries, oldest first; an entry that must wait holds back the
// rest of its stream.
void lane::walk_deferred() {
    if (deferred_.empty()) return;
    ++walks_;
    const auto now = host_.now();
    bool may_send = true;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < deferred_.size(); ++i) {
        const auto number = deferred_[i];
        if (number < first_ || at(number).state != entry_state::deferred) continue;
        auto& e = at(number);
        auto& hold = e.what.stream->hold_on(*this);
        if (hold.walk == walks_) {
            deferred_[kept++] = number;
            continue;
        }
        const bool not_yet =
            hold.resending > 0 || e.retry_at > now || (e.what.strict && hold.strict_in_flight > 0);
        const bool must_wait = not_yet || !(e.culprit ? claim_floor(number) : admitted(number));
        if (must_wait || !may_send) {
            hold.walk = walks_;
            deferred_[kept++] = number;
            continue;
        }
        if (!send(number)) {
            may_send = false;
            hold.walk = walks_;
            deferred_[kept++] = number;
            continue;
        }
        // send() may have finished the entry, and with it the stream.
        if (number < first_ || at(number).state != entry_state::sent) continue;
        auto& after = e.what.stream->hold_on(*this);
        --after.deferred;
        if (e.attempts > 1) {
            e.resending = true;
            ++after.resending;
        }
    }
    deferred_.resize(kept);
}

// Takes the entry out of its stream's hold, in whatever way it counts there.
void lane::release_hold(entry& e) noexcept {
    if (e.what.stream == nullptr || e.what.stream->holds.empty()) return;
    auto* hold = e.what.stream->find_hold(*this);
    if (hold == nullptr) return;
    if (e.state == entry_state::deferred) --hold->deferred;
    if (e.resending) --hold->resending;
    if (e.state == entry_state::sent && e.what.strict) --hold->strict_in_flight;
    e.resending = false;
    if (hold->deferred == 0 && hold->resending == 0 && hold->strict_in_flight == 0) {
        e.what.stream->holds.erase(
            e.what.stream->holds.begin() + (hold - e.what.stream->holds.data())
        );
    }
}

void lane::finish(std::uint64_t number, const result& result) {
    auto& e = at(number);
    PGW_ASSERT(number >= first_ && number < last_ && e.state != entry_state::finished);
    release_hold(e);
    exonerate(number);
    if (e.state == entry_state::sent) --in_flight_;
    e.state = entry_state::finished;
    --live_;
    if (!presettled_) {
        host_.metrics().in_flight.add(-1);
        host_.metrics().in_flight_bytes.add(-static_cast<std::int64_t>(e.size));
    }
    host_.on_finished(e.what, {bytes_.at(e.position), e.size}, result);
    trim();
}

void lane::trim() {
    while (first_ < last_ && at(first_).state == entry_state::finished) {
        const auto& e = at(first_);
        bytes_.release(e.position + e.size);
        ++first_;
    }
    cursor_ = std::max(cursor_, first_);
    if (!starved_writer_) return;
    const bool room = (last_ - first_) * 8 <= limits_.max_unsettled * 7ull &&
                      bytes_.used() * 8 <= bytes_.maximum() * 7ull;
    if (room) {
        starved_writer_ = false;
        host_.on_room(*this);
    }
}

void lane::grow_entries() {
    PGW_ASSERT(last_ - first_ == entries_.size());
    std::vector<entry> larger(entries_.size() * 2);
    for (auto n = first_; n < last_; ++n) larger[n & (larger.size() - 1)] = at(n);
    entries_ = std::move(larger);
}

void lane::on_sendable() {
    resume();
}

void lane::on_outcome(std::uint64_t token, const amqp::outcome& outcome) {
    if (token < first_ || token >= last_ || at(token).state != entry_state::sent) return;
    auto& e = at(token);
    const bool was_careful = careful();
    release_hold(e);
    // Whatever the outcome is: it is not what the peer ends links for.
    exonerate(token);
    // The hold of a sent entry is released; keep finish() from doing it again.
    e.state = entry_state::waiting;
    PGW_ASSERT(in_flight_ > 0);
    --in_flight_;
    const auto verdict = judge(outcome, profile_);
    switch (verdict.disposition) {
        case disposition::accept:
            barren_losses_ = 0;
            finish(token, {});
            break;
        case disposition::refuse:
            refuse(token, verdict.refusal, outcome.condition);
            break;
        case disposition::retry:
            if (++e.strikes >= limits_.max_attempts) {
                const auto why =
                    outcome.condition.empty() ? "returned too often" : outcome.condition;
                refuse(token, verdict.refusal, why);
            } else {
                defer(token, host_.now() + retry_delay(e.strikes, host_.random()));
            }
            break;
    }
    walk_deferred();
    if (was_careful) shared_.resume_all();
}

void lane::refuse(std::uint64_t number, refusal why, std::string_view text) {
    finish(number, {result_class::refused, why, silent_refusal::disconnect, text});
}

void lane::accuse(std::uint64_t number, suspicion kind) {
    auto& e = at(number);
    if (e.suspect != suspicion::none) return;
    e.suspect = kind;
    quarantine_of(e).suspect();
}

void lane::exonerate(std::uint64_t number) noexcept {
    auto& e = at(number);
    if (e.suspect == suspicion::none) return;
    auto& where = quarantine_of(e);
    if (e.culprit) {
        where.yield(*this, number);
        --culprits_;
    } else {
        where.acquit();
    }
    e.culprit = false;
    e.suspect = suspicion::none;
}

void lane::clear_suspects(const quarantine& of) noexcept {
    for (auto n = first_; n < last_; ++n) {
        auto& e = at(n);
        if (e.suspect != suspicion::none && !e.culprit && &quarantine_of(e) == &of) exonerate(n);
    }
}

std::uint64_t lane::only_sent() noexcept {
    auto n = first_;
    while (n < last_ && at(n).state != entry_state::sent) ++n;
    PGW_ASSERT(n < last_);
    return n;
}

// The peer ended it while this one alone was in flight.
void lane::strike(std::uint64_t number, bool counts, suspicion kind) {
    auto& e = at(number);
    if (!e.culprit) {
        // The end that made it one of several suspects was for it too.
        if (counts) ++e.strikes;
        if (counts && e.suspect != suspicion::none) ++e.strikes;
        if (e.suspect == suspicion::none) accuse(number, kind);
        auto& where = quarantine_of(e);
        where.acquit();
        e.culprit = true;
        ++culprits_;
        where.clear_suspects();
    } else if (counts) {
        ++e.strikes;
    }
    quarantine_of(e).yield(*this, number);
}

void lane::on_lost(const amqp::loss& loss) {
    ++barren_losses_;
    const bool narrow = loss.blames_a_delivery || barren_losses_ >= barren_losses_until_careful;
    const auto kind = loss.shared ? suspicion::of_the_upstream : suspicion::of_the_link;
    auto struck = last_;
    if (narrow && in_flight_ > 0) {
        if (in_flight_ == 1 && loss.suspects == 1) {
            struck = only_sent();
            strike(struck, loss.blames_a_delivery, kind);
        } else {
            for (auto n = first_; n < cursor_; ++n) {
                if (at(n).state == entry_state::sent) accuse(n, kind);
            }
        }
    }
    rewind();
    if (struck == last_ || at(struck).strikes < limits_.max_attempts) return;
    refuse(struck, refusal_of(loss.condition), loss.condition);
}

// Everything without an outcome goes again in its order. Culprits wait: whoever is behind them and
// of another client goes first.
void lane::rewind() {
    for (auto n = first_; n < cursor_; ++n) {
        auto& e = at(n);
        if (e.state == entry_state::finished) continue;
        release_hold(e);
        if (e.state == entry_state::sent) e.in_doubt = true;
        e.state = entry_state::waiting;
        e.retry_at = {};
    }
    in_flight_ = 0;  // none is in the state `sent` any more
    deferred_.clear();
    for (auto n = first_; n < cursor_; ++n) {
        if (at(n).state != entry_state::waiting || !at(n).culprit) continue;
        quarantine_of(at(n)).yield(*this, n);
        defer(n, host_.now() + retry_delay(at(n).attempts, host_.random()));
    }
    cursor_ = first_;
}

void lane::resume() {
    if (culprits_ == 0) {
        walk_deferred();
        pump();
        return;
    }
    // A culprit may end the link again: whoever else can go goes before it.
    pump();
    walk_deferred();
}

void lane::on_tick(base::time_point now) {
    const base::duration patience = presettled_ ? limits_.qos0_wait : limits_.delivery_timeout;
    for (auto n = first_; n < last_; n = std::max(n + 1, first_)) {
        auto& e = at(n);
        if (e.state == entry_state::finished) continue;
        // In order of submission, so the first that has time left ends the search.
        if (e.what.submitted + patience > now) break;
        if (e.state == entry_state::sent) sender_->abandon(n);
        finish(
            n,
            {result_class::retry,
             refusal::none,
             silent_refusal::disconnect,
             "no outcome within the upstream's deliveryTimeout"}
        );
    }
    // Also what is new: a quarantine that ended elsewhere wakes nobody.
    resume();
    // Nothing came for a second: give the memory back.
    quiet_ticks_ = last_ == last_at_tick_ && first_ == last_ ? quiet_ticks_ + 1 : 0;
    last_at_tick_ = last_;
    if (quiet_ticks_ == ticks_until_quiet) bytes_.reset();
}

}  // namespace pgw::bridge
