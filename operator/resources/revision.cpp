// Revisions.
#include "operator/resources/revision.hpp"

#include "common/manifest/project/project.hpp"
#include "operator/resources/metadata.hpp"
#include "operator/resources/pod_template.hpp"

namespace pgw::resources {

namespace {

constexpr const char* config_key = "gateway.yaml";
constexpr const char* template_key = "pod-template.json";
constexpr std::size_t hash_length = 10;
/// How long a stopping worker in a cluster keeps accepting: until every balancer knows it leaves.
constexpr const char* endpoint_delay_text = "10s";

}  // namespace

std::string revision_hash(const revision_inputs& inputs) {
    json::object hashed;
    hashed["spec"] = manifest::roll_class(inputs.manifest);
    hashed["image"] = inputs.image;
    if (!inputs.restarted_at.empty()) hashed["restartedAt"] = inputs.restarted_at;
    return hash_text(canonical(hashed)).substr(0, hash_length);
}

std::string render_config(const revision_inputs& inputs) {
    auto manifest = manifest::worker_manifest(inputs.manifest);
    auto& fields = manifest["spec"].as_object();
    // What a cluster wants instead of the stand-alone defaults.
    if (number_at(fields, {"threads"}) == 0) fields["threads"] = worker_threads(inputs.gateway);
    if (find(fields, {"drain", "endpointDelay"}) == nullptr) {
        if (!fields["drain"].is_object()) fields["drain"].emplace_object();
        fields["drain"].as_object()["endpointDelay"] = endpoint_delay_text;
    }
    return json::serialize(manifest) + "\n";
}

revision render_revision(const revision_inputs& inputs) {
    revision made;
    made.hash = revision_hash(inputs);
    made.image = inputs.image;
    made.config = render_config(inputs);
    made.pod_template = render_pod_template(inputs, made.hash);
    return made;
}

json::object revision_config_map(const gateway_ref& owner, const revision& revision) {
    auto metadata = metadata_of(owner, revision_name(owner.name, revision.hash));
    metadata["labels"].as_object()[label::revision] = revision.hash;
    metadata["annotations"] = {
        {annotation::image, revision.image}, {annotation::config_hash, revision.config_hash()}
    };
    return {
        {"apiVersion", "v1"},
        {"kind", "ConfigMap"},
        {"metadata", std::move(metadata)},
        {"data", {{config_key, revision.config}, {template_key, canonical(revision.pod_template)}}},
    };
}

std::optional<revision> parse_revision(const json::object& config_map) {
    revision parsed;
    parsed.hash = text_at(config_map, {"metadata", "labels", label::revision});
    parsed.image = text_at(config_map, {"metadata", "annotations", annotation::image});
    parsed.config = text_at(config_map, {"data", config_key});
    boost::system::error_code error;
    auto pod_template = json::parse(text_at(config_map, {"data", template_key}), error);
    if (error || !pod_template.is_object() || parsed.hash.empty() || parsed.config.empty()) {
        return std::nullopt;
    }
    parsed.pod_template = std::move(pod_template.get_object());
    return parsed;
}

}  // namespace pgw::resources
