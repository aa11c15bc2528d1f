// What should be: image, revision, shards. Pure.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "operator/controllers/protocol_gateway/cache.hpp"
#include "operator/controllers/protocol_gateway/rollout.hpp"

#include <string>

namespace pgw::controllers {

/// How long a worker's upstreams must have been as they are before it counts.
inline constexpr base::seconds upstream_hysteresis{30};

/// The revision that the gateway's shards mostly have, other than `except`: the last one that is
/// proved. Nullptr when there is none.
const child* proved_revision(const gateway_entry& entry, const std::string& except);

/// The newest revision there is; nullptr: none.
const child* newest_revision(const gateway_entry& entry);

/// `worker.image`; unset: what the gateway runs already, unless its policy is Automatic, else the
/// operator's default.
std::string choose_image(
    const manifest::gateway& gateway, const gateway_entry& entry, const std::string& default_image
);

/// spec.shards, held within the autoscaler's bounds where there is one.
std::uint32_t effective_shards(const manifest::gateway& gateway) noexcept;

/// The names of autoscalers that are not ours and scale this gateway.
std::vector<std::string> foreign_scalers(const gateway_entry& entry);

/// The shards and what is left of retired ones. `now` decides about hysteresis.
void view_shards(const gateway_entry& entry, base::time_point now, rollout_input& input);

}  // namespace pgw::controllers
