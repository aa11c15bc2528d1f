// The Deployment of one shard.
#pragma once

#include "operator/resources/revision.hpp"

#include <cstdint>
#include <string>

namespace pgw::resources {

struct shard_options {
    std::uint32_t index = 0;
    std::int64_t progress_deadline_seconds = 600;
    std::string rolled_from;  ///< See annotation::rolled_from; empty: none.
};

/// One pod of the revision's stored template, with the labels and the environment of its shard. The
/// replacement pod is up before the old one drains. What is added to the template here may never
/// change: it would restart every worker when the operator is upgraded.
json::object shard_deployment(
    const gateway_ref& owner, const revision& revision, const shard_options& options
);

}  // namespace pgw::resources
