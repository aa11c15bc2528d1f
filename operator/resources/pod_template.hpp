// The workers' pod template.
#pragma once

#include "operator/resources/revision.hpp"

#include <cstdint>

namespace pgw::resources {

/// Everything but the shard's own parts: labels and the environment that name the shard, which
/// `deployment` adds. The user's template is laid over it; selector labels, the worker's command
/// line, ports, probes and the mounts of configuration and Secrets are put back afterwards.
json::object render_pod_template(const revision_inputs& inputs, const std::string& hash);

/// Threads for the CPU request, rounded up.
std::uint32_t worker_threads(const manifest::gateway& gateway);

/// From SIGTERM to the kubelet's SIGKILL: endpoint delay, drain and a reserve of 10 s.
std::int64_t grace_seconds(const manifest::gateway& gateway);

}  // namespace pgw::resources
