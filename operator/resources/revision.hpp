// A revision: the rendered worker configuration and pod template that shards run, kept in a
// ConfigMap so that later changes of this program cannot reach a running shard.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "operator/resources/canonical.hpp"
#include "operator/resources/names.hpp"

#include <optional>
#include <string>

namespace pgw::resources {

struct revision {
    std::string hash;  ///< Of its inputs only.
    std::string image;
    std::string config;         ///< gateway.yaml, as workers read it.
    json::object pod_template;  ///< Without the shard's own parts.

    std::string config_hash() const { return hash_text(config); }
};

/// What a revision is made of. `manifest` is the stored resource reduced to apiVersion, kind,
/// metadata.name and spec; `gateway` the same as typed values.
struct revision_inputs {
    const json::object& manifest;
    const manifest::gateway& gateway;
    std::string image;
    std::string restarted_at;  ///< The annotation of that name; empty: none.
};

/// Depends on the roll-class fields as they are stored, the image and `restarted_at`; never on
/// shards, autoscaling, the Service or this program's version.
std::string revision_hash(const revision_inputs& inputs);

/// Renders anew. Pure, but what it renders may differ between versions of this program: an
/// existing revision is taken from its ConfigMap instead.
revision render_revision(const revision_inputs& inputs);

/// The configuration alone: what a change of live-class fields patches into a revision.
std::string render_config(const revision_inputs& inputs);

/// The ConfigMap to apply.
json::object revision_config_map(const gateway_ref& owner, const revision& revision);

/// From a ConfigMap; nullopt when it does not hold a revision.
std::optional<revision> parse_revision(const json::object& config_map);

}  // namespace pgw::resources
