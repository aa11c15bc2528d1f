// The field tables of what only the operator obeys.
#pragma once

#include "common/manifest/model/bounds.hpp"
#include "common/manifest/model/operator_spec.hpp"
#include "common/manifest/model/schema.hpp"

namespace pgw::manifest {

/// A row of the operator's whose change needs no new worker.
constexpr field_info operator_live(
    std::string_view name, std::string_view text, bool required = false
) {
    return {name, text, required, field_change::live, field_scope::operator_only};
}

/// A row of the operator's that is part of the workers' pods.
constexpr field_info operator_roll(std::string_view name, std::string_view text) {
    return {name, text, false, field_change::roll, field_scope::operator_only};
}

template <>
struct enum_table<upgrade_policy> {
    static constexpr std::array rows{
        enum_name<upgrade_policy>{
            upgrade_policy::manual, "Manual", "workers keep the image they run until `image` is set"
        },
        enum_name<upgrade_policy>{
            upgrade_policy::automatic,
            "Automatic",
            "workers take the operator's own version when the operator is upgraded"
        }
    };
};

template <>
struct enum_table<service_type> {
    static constexpr std::array rows{
        enum_name<service_type>{
            service_type::cluster_ip, "ClusterIP", "reached from inside the cluster"
        },
        enum_name<service_type>{
            service_type::node_port, "NodePort", "reached at a port of every node"
        },
        enum_name<service_type>{
            service_type::load_balancer,
            "LoadBalancer",
            "reached through a balancer of the cluster's environment"
        }
    };
};

template <>
struct enum_table<traffic_policy> {
    static constexpr std::array rows{
        enum_name<traffic_policy>{
            traffic_policy::cluster, "Cluster", "to workers on any node; their source is a node"
        },
        enum_name<traffic_policy>{
            traffic_policy::local,
            "Local",
            "to workers on the node that was reached; the source address stays"
        }
    };
};

template <>
struct enum_table<monitoring_type> {
    static constexpr std::array rows{
        enum_name<monitoring_type>{monitoring_type::none, "None", "nothing is made"},
        enum_name<monitoring_type>{
            monitoring_type::pod_monitor,
            "PodMonitor",
            "a PodMonitor of the Prometheus operator, which must be installed"
        }
    };
};

template <>
struct enum_table<network_policy_type> {
    static constexpr std::array rows{
        enum_name<network_policy_type>{network_policy_type::none, "None", "nothing is made"},
        enum_name<network_policy_type>{
            network_policy_type::managed,
            "Managed",
            "a NetworkPolicy that lets in devices, probes and scrapes; what goes out is not limited"
        }
    };
};

template <>
struct schema<autoscaling> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live("minShards", "The fewest shards. At most `maxShards`."),
            &autoscaling::min_shards,
            number_rule{1, 256}
        );
        view.field(
            operator_live("maxShards", "The most shards.", true),
            &autoscaling::max_shards,
            number_rule{1, 256}
        );
        view.field(
            operator_live(
                "targetCPUUtilization",
                "The CPU use that is aimed at, in percent of what the workers request."
            ),
            &autoscaling::target_cpu_utilization,
            number_rule{1, 1000}
        );
        view.field(
            operator_live(
                "scaleDownStabilization",
                "How long fewer shards must have been enough before one is retired."
            ),
            &autoscaling::scale_down_stabilization,
            time_rule{base::milliseconds{0}, one_hour, true}
        );
    }
};

template <>
struct schema<compute_resources> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_roll("requests", "What a worker is given at least."),
            &compute_resources::requests,
            map_rule{map_kind::quantities, 16}
        );
        view.field(
            operator_roll("limits", "What a worker may use at most."),
            &compute_resources::limits,
            map_rule{map_kind::quantities, 16}
        );
    }
};

template <>
struct schema<worker_pods> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live(
                "image",
                "The workers' image. Empty: a new gateway takes the operator's own version and "
                "keeps "
                "it, unless `upgradePolicy` says otherwise."
            ),
            &worker_pods::image,
            text_rule{text_kind::image}
        );
        view.field(
            operator_live(
                "upgradePolicy", "What an upgrade of the operator does to workers without `image`."
            ),
            &worker_pods::upgrade_policy,
            no_rule{}
        );
        view.field(
            operator_roll(
                "resources",
                "CPU and memory of a worker. Left out: requests of 100m and 64Mi, a memory limit "
                "of "
                "512Mi and no CPU limit."
            ),
            &worker_pods::resources,
            no_rule{}
        );
        view.field(
            operator_roll(
                "podTemplate",
                "A partial PodTemplateSpec that is laid over the workers' own. Containers, "
                "variables "
                "and volumes merge by name; the worker's container is called `worker`."
            ),
            &worker_pods::pod_template,
            object_rule{64 * kibi}
        );
    }
};

template <>
struct schema<service_account> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_roll(
                "name", "An existing service account. Empty: one is made, named as the gateway."
            ),
            &service_account::name,
            text_rule{text_kind::object_name}
        );
        view.field(
            operator_live("annotations", "Annotations of the one that is made."),
            &service_account::annotations,
            map_rule{map_kind::annotations, 32}
        );
    }
};

template <>
struct schema<service> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live("type", "From where the Service is reached."), &service::type, no_rule{}
        );
        view.field(
            operator_live("labels", "Further labels of the Service."),
            &service::labels,
            map_rule{map_kind::labels, 32}
        );
        view.field(
            operator_live("annotations", "Annotations of the Service."),
            &service::annotations,
            map_rule{map_kind::annotations, 32}
        );
        view.field(
            operator_live(
                "loadBalancerClass", "Which balancer serves it. Empty: the cluster's default."
            ),
            &service::load_balancer_class,
            text_rule{text_kind::qualified_name},
            only_for<service, service_type>{&service::type, service_type::load_balancer}
        );
        view.field(
            operator_live(
                "loadBalancerSourceRanges",
                "The networks whose clients the balancer lets in. Empty: all."
            ),
            &service::load_balancer_source_ranges,
            list_rule<text_rule>{0, 64, {text_kind::cidr}},
            only_for<service, service_type>{&service::type, service_type::load_balancer}
        );
        view.field(
            operator_live(
                "externalTrafficPolicy",
                "Where connections from outside go. `Local` needs type `NodePort` or "
                "`LoadBalancer`."
            ),
            &service::external_traffic_policy,
            no_rule{}
        );
    }
};

template <>
struct schema<rollout> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live("maxConcurrentShards", "How many shards are replaced at a time."),
            &rollout::max_concurrent_shards,
            number_rule{1, 256}
        );
        view.field(
            operator_live(
                "progressDeadline",
                "How long a shard may take to become ready before the gateway is reported as "
                "stalled."
            ),
            &rollout::progress_deadline,
            time_rule{base::milliseconds{1000}, one_day, true}
        );
    }
};

template <>
struct schema<disruption> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live(
                "maxUnavailable", "How many workers an eviction may make unavailable at a time."
            ),
            &disruption::max_unavailable,
            number_rule{1, 256}
        );
    }
};

template <>
struct schema<pod_monitor> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live("interval", "How often each worker is scraped."),
            &pod_monitor::interval,
            time_rule{base::milliseconds{1000}, one_hour, true}
        );
        view.field(
            operator_live("labels", "Labels by which a Prometheus selects the PodMonitor."),
            &pod_monitor::labels,
            map_rule{map_kind::labels, 32}
        );
    }
};

template <>
struct schema<monitoring> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live("type", "What is made for Prometheus."), &monitoring::type, no_rule{}
        );
        view.field(
            operator_live("podMonitor", "The PodMonitor."),
            &monitoring::pod_monitor,
            no_rule{},
            only_for<monitoring, monitoring_type>{&monitoring::type, monitoring_type::pod_monitor}
        );
    }
};

template <>
struct schema<managed_network_policy> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live(
                "deviceCIDRs", "The networks that devices connect from. Empty: from everywhere."
            ),
            &managed_network_policy::device_cidrs,
            list_rule<text_rule>{0, 64, {text_kind::cidr}}
        );
    }
};

template <>
struct schema<network_policy> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            operator_live("type", "Whether there is a NetworkPolicy."),
            &network_policy::type,
            no_rule{}
        );
        view.field(
            operator_live("managed", "What the NetworkPolicy allows."),
            &network_policy::managed,
            no_rule{},
            only_for<network_policy, network_policy_type>{
                &network_policy::type, network_policy_type::managed
            }
        );
    }
};

}  // namespace pgw::manifest
