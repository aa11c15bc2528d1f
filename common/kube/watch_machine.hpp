// What a reflector does next: list, watch, wait. Pure: time and randomness are arguments.
#pragma once

#include "common/base/backoff.hpp"
#include "common/kube/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pgw::kube {

/// What tests shorten.
struct watch_timing {
    base::seconds shortest_timeout{240};  ///< Of a watch; it is drawn from these two, inclusively.
    base::seconds longest_timeout{295};
    base::milliseconds grace{5'000
    };  ///< A watch that outlasts its timeout by this, silent, is dead.
    base::milliseconds first_delay{800};
    base::milliseconds longest_delay{30'000};
};

struct list_action {
    std::string resource_version;  ///< "0": any version; "": the latest; else: not older than it.
    std::size_t limit = 0;         ///< 0: all in one answer.
    friend bool operator==(const list_action&, const list_action&) = default;
};
struct watch_action {
    std::string resource_version;
    base::seconds timeout{};    ///< For timeoutSeconds: the server then ends the stream.
    base::milliseconds idle{};  ///< After so much silence the way to the server is lost.
    friend bool operator==(const watch_action&, const watch_action&) = default;
};
struct wait_action {
    base::milliseconds delay{};
    friend bool operator==(const wait_action&, const wait_action&) = default;
};
/// Nothing more is to be done.
struct end_action {
    friend bool operator==(const end_action&, const end_action&) = default;
};
using watch_step = std::variant<list_action, watch_action, wait_action, end_action>;

/// What becomes of one event of the stream.
enum class event_verdict : std::uint8_t {
    changed,  ///< The sink's: added or modified.
    removed,  ///< The sink's: deleted.
    ignored,  ///< Nobody's: a bookmark, or a type that is not known.
    ends,     ///< An error: nothing after it in the stream counts.
};

/// The life of one list + watch. Every input but on_event answers what to do next; its outcome is
/// the following input.
///
/// - The first list takes any version (`0`), later ones the last known, which the server's watch
///   cache can answer; only a version that is not to be had costs a quorum read (``).
/// - A watch goes on from the version that the list, the last event or bookmark carried. Losing the
///   way to the server, 429 and 5xx do not cost a list; 410 does, and so does a watch that for a
///   minute got nowhere for other reasons.
/// - Whatever fails is tried again for ever, at the latest after 30 s (or what the server asks
/// for).
class watch_machine {
public:
    static constexpr std::size_t page_size = 500;
    static constexpr base::seconds calm{120};       ///< So long without a wait resets the backoff.
    static constexpr base::seconds patience{60};    ///< Then a failing watch becomes a list.
    static constexpr base::seconds short_watch{1};  ///< A watch that ends sooner, empty, failed.
    static constexpr base::seconds longest_ask{300};  ///< Of Retry-After; more is cut.

    explicit watch_machine(watch_timing timing = {}) : timing_(timing) {}

    watch_step start();
    /// The list is complete; `resource_version` is its ListMeta's.
    watch_step on_listed(std::string resource_version, base::time_point now, std::uint32_t random);
    watch_step on_list_failed(const error& why, base::time_point now, std::uint32_t random);
    watch_step on_waited(base::time_point now, std::uint32_t random);
    /// `type` and the object's resourceVersion; `status` is what an ERROR event's object says.
    event_verdict on_event(
        std::string_view type, std::string_view resource_version, std::optional<error> status = {}
    );
    /// `why` is nullptr when the server ended the stream properly.
    watch_step on_stream_end(const error* why, base::time_point now, std::uint32_t random);

    const std::string& resource_version() const noexcept { return resource_version_; }

private:
    enum class state : std::uint8_t {
        listing,   ///< A list is under way, or waits for its delay.
        watching,  ///< A watch is under way, or waits for its delay.
        ended,     ///< The client was stopped.
    };

    watch_step list() const;
    watch_step watch(base::time_point now, std::uint32_t random);
    watch_step wait(const error* why, base::time_point now, std::uint32_t random);
    watch_step on_watch_failed(const error& why, base::time_point now, std::uint32_t random);

    state state_ = state::listing;
    std::string resource_version_;  ///< The last known; empty before the first list.
    bool unavailable_ = false;      ///< The server cannot answer at resource_version_.
    bool in_one_answer_ = false;    ///< Paging failed: the pages' version expired under way.
    bool progressed_ = false;       ///< The present watch has delivered something.
    bool expired_before_ = false;   ///< The last watch that got nowhere ended with 410.
    bool trust_versions_ = true;    ///< See on_event.
    std::optional<error> stream_error_;
    base::time_point watch_began_{};
    std::optional<base::time_point> failing_since_;
    std::optional<base::time_point> last_wait_;
    watch_timing timing_;
    base::backoff backoff_{timing_.first_delay, timing_.longest_delay};
};

}  // namespace pgw::kube
