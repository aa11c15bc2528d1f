// The field tables: each field of the manifest once, with its rule and its description. This one
// holds the gateway itself.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/listener_fields.hpp"
#include "common/manifest/model/operator_fields.hpp"
#include "common/manifest/model/process_fields.hpp"
#include "common/manifest/model/route_fields.hpp"
#include "common/manifest/model/schema.hpp"
#include "common/manifest/model/upstream_fields.hpp"

namespace pgw::manifest {

inline constexpr std::string_view api_version = "protocolgateway.dev/v1alpha1";
inline constexpr std::string_view kind_name = "ProtocolGateway";

template <>
struct schema<gateway> {
    static constexpr bool is_described = true;

    static void describe(auto& view) {
        view.constant(field_info{"apiVersion", "The schema's version.", true}, api_version);
        view.constant(field_info{"kind", "The kind of manifest.", true}, kind_name);
        view.group(field_info{"metadata", "As in Kubernetes.", true}, [](auto& metadata) {
            metadata.field(
                field_info{"name", "The gateway's name.", true},
                &gateway::name,
                text_rule{text_kind::label}
            );
            // What Kubernetes keeps there is Kubernetes' business.
            for (const std::string_view name :
                 {"namespace",
                  "labels",
                  "annotations",
                  "creationTimestamp",
                  "finalizers",
                  "generation",
                  "managedFields",
                  "ownerReferences",
                  "resourceVersion",
                  "uid"}) {
                metadata.ignored(field_info{name, {}});
            }
        });
        view.group(field_info{"spec", "The gateway.", true}, [](auto& spec) {
            describe_spec(spec);
        });
        view.ignored(field_info{"status", {}});
    }

private:
    static void describe_spec(auto& spec) {
        spec.field(
            field_info{"threads", "Threads that serve clients. 0: one per usable CPU."},
            &gateway::threads,
            number_rule{0, 1024}
        );
        spec.field(
            field_info{"listeners", "Where devices connect.", true},
            &gateway::listeners,
            list_rule<no_rule>{1, 64, {}, true}
        );
        spec.field(
            field_info{
                "authentication",
                "Authenticators in the order they are asked. There is no default: who lets "
                "everybody in says so.",
                true
            },
            &gateway::authentication,
            list_rule<no_rule>{1, 16, {}}
        );
        spec.field(
            field_info{"upstreams", "The AMQP 1.0 peers.", true},
            &gateway::upstreams,
            list_rule<no_rule>{1, 64, {}, true}
        );
        spec.field(
            field_info{"routes", "Which publications go where.", true}, &gateway::routes, no_rule{}
        );
        spec.field(
            field_info{"limits", "What one client and all together may use."},
            &gateway::limits,
            no_rule{}
        );
        spec.field(field_info{"logging", "What is logged and how."}, &gateway::logging, no_rule{});
        spec.field(
            field_info{"admin", "The HTTP server for probes, metrics and status."},
            &gateway::admin,
            no_rule{}
        );
        spec.field(field_info{"drain", "How a worker stops."}, &gateway::drain, no_rule{});
        describe_operator_fields(spec);
    }

    static void describe_operator_fields(auto& spec) {
        spec.field(
            operator_live(
                "shards",
                "How many workers. 0: stopped on purpose. With `autoscaling` the autoscaler writes "
                "it."
            ),
            &gateway::shards,
            number_rule{0, 256}
        );
        spec.field(
            operator_live(
                "autoscaling", "A HorizontalPodAutoscaler for the gateway. Left out: none."
            ),
            &gateway::autoscaling,
            no_rule{}
        );
        spec.field(
            operator_live("worker", "Image, resources and pods of the workers."),
            &gateway::worker,
            no_rule{}
        );
        spec.field(
            operator_live("serviceAccount", "The workers' service account."),
            &gateway::service_account,
            no_rule{}
        );
        spec.field(
            operator_live("service", "The Service in front of the workers."),
            &gateway::service,
            no_rule{}
        );
        spec.field(
            operator_live("rollout", "How a change reaches the workers."),
            &gateway::rollout,
            no_rule{}
        );
        spec.field(
            operator_live("disruption", "The PodDisruptionBudget of the workers."),
            &gateway::disruption,
            no_rule{}
        );
        spec.field(
            operator_live("monitoring", "How Prometheus learns of the workers."),
            &gateway::monitoring,
            no_rule{}
        );
        spec.field(
            operator_live("networkPolicy", "Who may connect to the workers."),
            &gateway::network_policy,
            no_rule{}
        );
    }
};

}  // namespace pgw::manifest
