// Keys that want to be reconciled: each at most once at a time, at the earliest time asked for.
// Pure.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace pgw::runtime {

enum class priority : std::uint8_t {
    low,     ///< From a first list or a resync: a live edit goes before it.
    normal,  ///< A change somebody made.
};

/// A queue of keys. `add` while the key waits merges (higher priority, earlier time); `add` while
/// it is being processed makes it ready again when `done` is called, so one key is never processed
/// twice at once and no event is lost. Not thread-safe; time and randomness are arguments.
class work_queue {
public:
    struct options {
        base::milliseconds backoff_initial{5};
        base::milliseconds backoff_maximum{1'000'000};
    };
    struct counts {
        std::size_t depth = 0;    ///< Ready, not yet taken.
        std::size_t waiting = 0;  ///< Delayed; what is due counts until the next `take`.
        std::size_t processing = 0;
        std::uint64_t adds = 0;  ///< How often a key became ready.
        std::uint64_t retries = 0;
        base::duration longest_processing{};
        base::duration unfinished{};  ///< Sum over what is being processed.
    };
    struct taken {
        std::string key;
        base::duration waited{};  ///< From being ready to being taken.
    };

    explicit work_queue(options settings);
    ~work_queue();

    void add(const std::string& key, priority p, base::time_point now);
    /// Not before `when`; an earlier wish stands. The priority is that with which the key came.
    void add_at(const std::string& key, base::time_point when, base::time_point now);
    /// After a failure: add_at with the key's next backoff, whose half is jittered.
    void retry(const std::string& key, base::time_point now, std::uint32_t random);
    void forget(const std::string& key);  ///< Success: the backoff starts anew.

    /// The next key that is ready, which is being processed from now on.
    std::optional<taken> take(base::time_point now);
    /// Returns how long the processing took.
    base::duration done(const std::string& key, base::time_point now);
    /// When `take` may have something: nullopt for nothing in sight, `now` or earlier for at once.
    std::optional<base::time_point> next(base::time_point now) const;
    counts count(base::time_point now) const;
    /// Ends waiting and backoff of a key whose object is gone, and what was asked for while it is
    /// being processed.
    void remove(const std::string& key);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::runtime
