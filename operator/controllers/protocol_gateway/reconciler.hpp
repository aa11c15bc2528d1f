// One gateway, once: observe, gate, desire, apply, status.
#pragma once

#include "common/base/log.hpp"
#include "common/kube/client.hpp"
#include "operator/controllers/protocol_gateway/apply.hpp"
#include "operator/controllers/protocol_gateway/cache.hpp"
#include "operator/controllers/protocol_gateway/gate.hpp"
#include "operator/controllers/protocol_gateway/status.hpp"
#include "operator/resources/companions.hpp"
#include "operator/resources/revision.hpp"
#include "operator/runtime/controller.hpp"
#include "operator/runtime/event_recorder.hpp"

#include <string>
#include <unordered_map>

namespace pgw::controllers {

struct reconciler_options {
    std::string worker_image;  ///< For gateways that name none.
    std::string version;       ///< Of the worker in that image.
    base::milliseconds resync{600'000};
};

/// Level-based and idempotent: it reads the cache, writes what differs, and may be ended and begun
/// anew at any step.
class reconciler {
public:
    reconciler(
        kube::client& client,
        cache& known,
        runtime::event_recorder& events,
        reconciler_options options,
        base::logger log
    );

    kube::awaitable<runtime::reconcile_result> reconcile(std::string key);
    void set_features(resources::cluster_features features) { features_ = features; }

private:
    struct run;

    kube::awaitable<void> apply_companions(run& r);
    kube::awaitable<void> apply_revision(run& r);
    kube::awaitable<void> apply_shards(run& r);
    kube::awaitable<void> apply_shard(
        run& r, std::uint32_t index, std::string revision, std::string from
    );
    kube::awaitable<void> stop_rollout(run& r);
    kube::awaitable<void> prune(run& r);
    kube::awaitable<void> write_status(run& r);
    kube::awaitable<std::optional<resources::revision>> load_revision(run& r, std::string hash);

    void observe(run& r);
    void note(run& r, const ensure_result& result);
    void announce(const run& r, const transition& change);
    base::time_point last_progress(const run& r, const rollout_input& seen, bool moving);
    void record(const run& r, bool warning, std::string reason, std::string note);

    kube::client& client_;
    cache& cache_;
    applier applier_;
    runtime::event_recorder& events_;
    reconciler_options options_;
    resources::cluster_features features_;
    base::logger log_;
    /// When a gateway's connections were last written; entries of gateways that are gone are few.
    std::unordered_map<std::string, base::time_point> connections_written_;
    struct progress {
        std::string reached;  ///< Which shards have arrived where.
        base::time_point since;
    };
    std::unordered_map<std::string, progress> progress_;  ///< Of gateways on their way.
    /// The uid of each gateway whose namespace ends: nothing can be made there any more.
    std::unordered_map<std::string, std::string> ending_;
};

}  // namespace pgw::controllers
