// Who leads, as one candidate decides it from what it sees of the Lease. Pure.
#pragma once

#include "common/base/clock.hpp"
#include "common/kube/error.hpp"
#include "operator/runtime/micro_time.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace pgw::runtime {

struct leader_election_options {
    std::string ns;
    std::string name;
    std::string identity;  ///< host name and a random part.
    base::milliseconds lease_duration{15'000};
    base::milliseconds renew_deadline{10'000};
    base::milliseconds retry_period{2'000};
};

/// The request that the machine wants sent; one at a time.
struct lease_request {
    enum class verb : std::uint8_t { get, create, replace };

    verb what = verb::get;
    boost::json::object body;  ///< Empty for get.
    std::uint64_t number = 0;  ///< Comes back with the reply.
};

/// What a call of the machine is made at: the monotonic clock decides, the wall clock is only
/// written into the record, the random number spreads candidates out.
struct lease_moment {
    base::time_point now;
    wall_time wall;
    std::uint32_t random = 0;
};

enum class lease_state : std::uint8_t {
    standby,    ///< Another one leads, or nobody yet. Tries when the record is free or has expired.
    leading,    ///< Renewed within the deadline; renews every retry period.
    lost,       ///< Led, and can no longer be sure to. Final.
    releasing,  ///< Stopped while a write was under way or the lease was held: gives it up.
    stopped,    ///< Final.
};

/// Times in the record are never compared with a clock: a record expires when it has not changed
/// for its duration since this candidate first saw it so. It leads from the reply to a successful
/// write until `renew_deadline` after that write was *sent*, which is before any other candidate
/// can see the record expired, as long as clocks run at about one speed. Not a fence: what a leader
/// wrote last may arrive after another one leads, so writes have to be guarded themselves.
///
/// Every input may return a request to send. Between inputs `due` says when `on_time` is wanted.
class lease_machine {
public:
    explicit lease_machine(leader_election_options options);

    std::optional<lease_request> on_time(const lease_moment& at);
    /// A reply to a request that has been given up is ignored.
    std::optional<lease_request> on_reply(
        std::uint64_t number, const kube::result<boost::json::value>& reply, const lease_moment& at
    );
    /// A standby's watch saw the Lease so; nothing while not standby.
    void on_observed(const boost::json::object& lease, const lease_moment& at);
    void on_deleted(const lease_moment& at);
    /// Ends candidature. A lease that is held is given up.
    std::optional<lease_request> on_stop(const lease_moment& at);

    lease_state state() const noexcept { return state_; }
    base::time_point due() const noexcept;
    /// The request that is waited for; 0: none. Others may be cancelled.
    std::uint64_t outstanding() const noexcept { return outstanding_; }
    /// Who holds the lease as far as known; empty: nobody.
    const std::string& holder() const noexcept { return holder_; }
    /// Whether a leader's lease has run out: its loop did not turn in time to find it lost.
    bool overdue(base::time_point now) const noexcept;

private:
    lease_request request(lease_request::verb what, boost::json::object body, base::time_point now);
    lease_request claim(const lease_moment& at);
    lease_request release(const lease_moment& at);
    void remember(const boost::json::object& lease, base::time_point now);
    bool is_free(base::time_point now) const;
    void wait_for_expiry(const lease_moment& at);
    void wait_for_retry(const lease_moment& at);
    std::optional<lease_request> on_record(
        const boost::json::object& lease, const lease_moment& at
    );
    std::optional<lease_request> on_written(
        const boost::json::object& lease, const lease_moment& at
    );
    std::optional<lease_request> on_failure(const kube::error& error, const lease_moment& at);

    leader_election_options options_;
    lease_state state_ = lease_state::standby;

    // What was last seen.
    std::optional<boost::json::object> lease_;
    std::string holder_;
    bool is_current_ = false;         // No write since then has an unknown outcome.
    base::duration duration_{};       // As the record says.
    base::time_point observed_at_{};  // When the record was first seen as it is.

    // The request under way.
    lease_request::verb verb_ = lease_request::verb::get;
    std::uint64_t outstanding_ = 0;
    std::uint64_t last_number_ = 0;
    base::time_point sent_at_{};
    bool after_conflict_ = false;  // It repeats, on a fresh record, what met another version.
    bool giving_up_ = false;       // It releases the lease.

    base::time_point try_at_{};
    base::time_point renewed_at_{};
    bool again_ = false;  // The lease was seen free while a request was under way.
};

}  // namespace pgw::runtime
