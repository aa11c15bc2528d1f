// Deployments.
#include "operator/resources/deployment.hpp"

#include "operator/resources/metadata.hpp"
#include "operator/resources/overlay.hpp"

namespace pgw::resources {

json::object shard_deployment(
    const gateway_ref& owner, const revision& revision, const shard_options& options
) {
    const auto index = std::to_string(options.index);
    json::value pod(revision.pod_template);
    lay_over(pod, {{"metadata", {{"labels", {{label::shard, index}}}}}});
    for (auto& item : pod.as_object()["spec"].as_object()["containers"].as_array()) {
        if (text_at(item.as_object(), {"name"}) != "worker") continue;
        lay_over(item, {{"env", json::array{{{"name", "PGW_SHARD"}, {"value", index}}}}});
    }
    auto metadata = metadata_of(owner, deployment_name(owner.name, options.index));
    auto& labels = metadata["labels"].as_object();
    labels[label::shard] = index;
    labels[label::revision] = revision.hash;
    if (!options.rolled_from.empty()) {
        metadata["annotations"] = {{annotation::rolled_from, options.rolled_from}};
    }
    auto selector = pod_labels(owner.name);
    selector[label::shard] = index;
    return {
        {"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", std::move(metadata)},
        {"spec",
         {{"replicas", 1},
          {"revisionHistoryLimit", 0},
          {"progressDeadlineSeconds", options.progress_deadline_seconds},
          {"selector", {{"matchLabels", std::move(selector)}}},
          {"strategy",
           {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 1}, {"maxUnavailable", 0}}}}
          },
          {"template", std::move(pod)}}},
    };
}

}  // namespace pgw::resources
