// Leader election over one coordination.k8s.io/v1 Lease.
#pragma once

#include "common/base/log.hpp"
#include "common/base/metrics.hpp"
#include "common/kube/client.hpp"
#include "operator/runtime/lease_machine.hpp"

#include <functional>
#include <memory>
#include <string>

namespace pgw::runtime {

struct leader_election_handlers {
    std::function<void()> on_elected;
    /// The lease could not be renewed in time: no write may follow. The process should end.
    std::function<void()> on_lost;
};

/// The decisions are those of a pure `lease_machine`: only a changed record and the own monotonic
/// clock count, never the times in the record. A standby watches the Lease, so that a released one
/// is taken at once; it tries at observed change + duration + at most 1 s.
class leader_election {
public:
    leader_election(
        kube::client& client,
        boost::asio::io_context& io,
        leader_election_options options,
        leader_election_handlers handlers,
        const base::logger& log
    );
    ~leader_election();

    void register_metrics(base::metrics_registry& registry
    );  ///< leader_election_master_status{name}
    void start();
    bool leading() const noexcept;
    /// False when the lease ran out while we still believe to lead: for /livez.
    bool healthy() const;
    /// Gives the lease up if it is held (at most 2 s), then calls `released`. Only after all
    /// reconciling has ended.
    void stop(std::function<void()> released);

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::runtime
