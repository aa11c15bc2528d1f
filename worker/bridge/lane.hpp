// A lane: one sending link and the encoded messages that wait for credit or an outcome on it.
//
// Entries are numbered in order of submission. Those before `cursor` were sent on the present link
// (or are finished or deferred), those behind it wait for credit. A lost link puts the cursor back
// to the oldest entry, so everything unsettled goes again in its original order before anything
// new. An entry that the upstream returned is deferred: it is sent again after a backoff, and until
// it is resolved the later entries of its stream are deferred behind it, so that a client's order
// survives a return. For what a lost link may say about a message see quarantine.hpp.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "worker/amqp/link.hpp"
#include "worker/amqp/profile.hpp"
#include "worker/bridge/byte_ring.hpp"
#include "worker/bridge/core_stream.hpp"
#include "worker/bridge/mapping.hpp"
#include "worker/bridge/metrics.hpp"
#include "worker/bridge/quarantine.hpp"

#include <memory>
#include <vector>

namespace pgw::bridge {

struct route;

/// One publication on its way.
struct publication {
    core_stream* stream = nullptr;  ///< Null on presettled lanes: nobody waits.
    const bridge::route* route = nullptr;
    base::time_point submitted{};
    std::uint32_t sequence = 0;
    std::uint32_t ttl_offset = 0;  ///< Into the encoded bytes; 0: no ttl.
    std::uint32_t ttl = 0;         ///< Milliseconds at submission.
    bool strict = false;           ///< One in flight per stream.
    bool dead_letter = false;      ///< Already refused elsewhere.
};

/// Which quarantine a suspect is in.
enum class suspicion : std::uint8_t { none, of_the_link, of_the_upstream };

/// What a lane reports to.
class lane_host {
public:
    /// The publication is over. `bytes` is its encoding, valid for the call.
    virtual void on_finished(
        const publication& publication, base::bytes_view bytes, const result& result
    ) = 0;
    /// There is room again after reserve() answered an empty span.
    virtual void on_room(lane& lane) = 0;
    virtual base::time_point now() const noexcept = 0;
    virtual std::uint32_t random() noexcept = 0;
    virtual publisher_metrics& metrics() noexcept = 0;

protected:
    ~lane_host() = default;
};

class lane final : public amqp::sender_events, private quarantined {
public:
    lane(
        amqp::uplink& uplink,
        const amqp::sender_options& options,
        const manifest::upstream_limits& limits,
        const amqp::profile& profile,
        quarantine& shared,
        lane_host& host
    );
    ~lane() override;

    /// A buffer of at least `bound` bytes for one message, or an empty span when a bound is reached
    /// (then on_room follows).
    std::span<std::byte> reserve(std::size_t bound);
    /// Whether a message of `bound` bytes can ever be reserved.
    bool fits(std::size_t bound) const noexcept { return bound <= bytes_.maximum() / 2; }
    /// Takes the message written to the last reserve()d buffer and sends it if it may go. The
    /// result comes through the host, never from inside. Returns false when the peer will never
    /// take a message of this size: nothing was kept.
    bool submit(const publication& publication, std::size_t size);

    void on_tick(base::time_point now);

    const amqp::sender& sender() const noexcept { return *sender_; }
    std::size_t size() const noexcept { return live_; }
    bool presettled() const noexcept { return presettled_; }

private:
    enum class entry_state : std::uint8_t {
        waiting,   ///< Not sent on the present link.
        sent,      ///< Sent, no outcome yet.
        deferred,  ///< In deferred_: returned, or held behind a returned one of its stream.
        finished,
    };
    struct entry {
        publication what;
        base::time_point retry_at{};
        std::uint64_t position = 0;
        std::uint32_t size = 0;
        entry_state state = entry_state::finished;
        bool resending = false;  ///< Sent again after a return; counts in its stream's hold.
        bool in_doubt = false;   ///< A link was lost after it was sent.
        bool culprit = false;    ///< A link was lost while it alone was in flight.
        suspicion suspect = suspicion::none;
        std::uint16_t attempts = 0;  ///< Sends.
        std::uint16_t strikes = 0;   ///< Sends that the peer answered with anything but acceptance.
    };

    void on_sendable() override;
    void on_outcome(std::uint64_t token, const amqp::outcome& outcome) override;
    void on_lost(const amqp::loss& loss) override;
    std::size_t in_flight() const noexcept override { return in_flight_; }
    void resume() override;
    void clear_suspects(const quarantine& of) noexcept override;

    entry& at(std::uint64_t number) noexcept { return entries_[number & (entries_.size() - 1)]; }
    bool held_back(const entry& e) noexcept;
    bool careful() const noexcept { return own_.active() || shared_.active(); }
    /// Whether neither quarantine keeps it.
    bool admitted(std::uint64_t number) noexcept { return !careful() || is_admitted(number); }
    bool is_admitted(std::uint64_t number) noexcept;
    /// Whether a culprit may go now; from then on everyone else waits.
    bool claim_floor(std::uint64_t number) noexcept;
    quarantine& quarantine_of(const entry& e) noexcept {
        return e.suspect == suspicion::of_the_upstream ? shared_ : own_;
    }
    void accuse(std::uint64_t number, suspicion kind);
    void exonerate(std::uint64_t number) noexcept {
        if (at(number).suspect != suspicion::none) acquit(number);
    }
    void acquit(std::uint64_t number) noexcept;
    /// The only entry that is sent and without an outcome.
    std::uint64_t only_sent() noexcept;
    void strike(std::uint64_t number, bool counts, suspicion kind);
    void rewind();
    void refuse(std::uint64_t number, refusal why, std::string_view text);
    void pump();
    bool send(std::uint64_t number);
    void defer(std::uint64_t number, base::time_point retry_at);
    void walk_deferred();
    void release_hold(entry& e) noexcept;
    bool expired(const entry& e, base::time_point now) const noexcept;
    void patch_ttl(entry& e, base::time_point now) noexcept;
    void finish(std::uint64_t number, const result& result);
    void trim();
    void grow_entries();

    lane_host& host_;
    const amqp::profile& profile_;
    const manifest::upstream_limits limits_;
    bool presettled_;
    bool starved_writer_ = false;  ///< reserve() failed since the last on_room.
    byte_ring bytes_;
    std::vector<entry> entries_;
    std::uint64_t first_ = 0;          ///< The oldest entry.
    std::uint64_t cursor_ = 0;         ///< The next to send.
    std::uint64_t last_ = 0;           ///< One behind the newest.
    std::size_t live_ = 0;             ///< Entries that are not finished.
    std::size_t in_flight_ = 0;        ///< Entries that are sent.
    std::size_t culprits_ = 0;         ///< Entries that are culprits.
    std::uint32_t barren_losses_ = 0;  ///< Losses in a row without an acceptance between them.
    quarantine own_;
    quarantine& shared_;
    std::vector<std::uint64_t> deferred_;  ///< Ascending.
    std::uint64_t walks_ = 0;
    std::uint64_t last_at_tick_ = 0;
    std::uint32_t quiet_ticks_ = 0;
    std::unique_ptr<amqp::sender> sender_;
};

}  // namespace pgw::bridge
