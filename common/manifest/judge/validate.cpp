// The rules that span fields of a manifest.
#include "common/manifest/judge/validate.hpp"

#include "common/base/address.hpp"
#include "common/manifest/judge/check.hpp"
#include "common/manifest/judge/route_rules.hpp"
#include "common/manifest/judge/rules.hpp"
#include "common/manifest/model/fields.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pgw::manifest {

namespace {

using problems = std::vector<problem>;

void report(problems& out, std::string path, std::string text) {
    out.push_back({std::move(path), std::move(text), 0, 0});
}

template <class Named>
void check_names(problems& out, const std::string& list, const std::vector<Named>& items) {
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].name.empty() || seen.insert(items[i].name).second) continue;
        report(
            out,
            below(at_index(list, i), "name"),
            in_quotes(items[i].name) + " is the name of an earlier one"
        );
    }
}

bool is_wildcard(std::string_view address) {
    return address == "0.0.0.0" || address == "::";
}

// Everything the worker binds. SO_REUSEPORT would let two listeners share a port without a word.
class bound_ports {
public:
    explicit bound_ports(problems& out) : out_(out) {}

    void bind(const std::string& path, const std::string& address, std::uint16_t port) {
        if (port == 0) return;
        for (const auto& [other_path, other_address] : bound_[port]) {
            if (address != other_address && !is_wildcard(address) && !is_wildcard(other_address)) {
                continue;
            }
            report(
                out_,
                below(path, "port"),
                std::to_string(port)
                    .append(" on ")
                    .append(address)
                    .append(" is taken by ")
                    .append(other_path)
            );
            break;
        }
        bound_[port].emplace_back(path, address);
    }

private:
    problems& out_;
    std::map<std::uint16_t, std::vector<std::pair<std::string, std::string>>> bound_;
};

void check_ports(problems& out, const gateway& g) {
    bound_ports ports(out);
    for (std::size_t i = 0; i < g.listeners.size(); ++i) {
        ports.bind(at_index("spec.listeners", i), g.listeners[i].address, g.listeners[i].port);
    }
    ports.bind("spec.admin", g.admin.address, g.admin.port);
    for (std::size_t i = 0; i < g.upstreams.size(); ++i) {
        const auto& up = g.upstreams[i];
        if (up.type != upstream_type::embedded) continue;
        const auto broker = up.embedded.value_or(embedded_broker{});
        ports.bind(at_index("spec.upstreams", i) + ".embedded", broker.address, broker.port);
    }
}

void check_listener(problems& out, const std::string& path, const listener& l) {
    if (!l.tls) return;
    const auto group = path + ".tls.clientAuth";
    const bool verifies = l.tls->client_auth != client_auth_mode::none;
    if (verifies && !l.tls->client_ca) {
        report(
            out,
            group + ".caSecretRef",
            "is required: mode " + std::string(enum_text(l.tls->client_auth)) +
                " needs the authorities that are trusted"
        );
    }
    if (!verifies && l.tls->client_ca) {
        report(out, group + ".caSecretRef", "has no effect with mode None");
    }
}

void check_sasl(problems& out, const std::string& path, const upstream& up) {
    if (up.sasl.mechanism == sasl_mechanism::plain && !up.sasl.secret) {
        report(out, path + ".sasl.secretRef", "is required: it holds username and password");
    }
    if (up.sasl.mechanism != sasl_mechanism::plain && up.sasl.secret) {
        report(out, path + ".sasl.secretRef", "is for mechanism Plain only");
    }
    if (up.sasl.mechanism == sasl_mechanism::external && !(up.tls && up.tls->secret)) {
        report(
            out,
            path + ".tls.secretRef",
            "is required: SASL External proves identity by this certificate"
        );
    }
    for (std::size_t i = 0; i < up.endpoints.size(); ++i) {
        const auto& endpoint = up.endpoints[i];
        if (endpoint.tls) continue;
        const auto endpoint_path = at_index(path + ".endpoints", i);
        if (up.sasl.mechanism == sasl_mechanism::external) {
            report(out, endpoint_path, "must be amqps: SASL External needs TLS");
        }
        if (up.sasl.mechanism == sasl_mechanism::plain && !base::is_loopback(endpoint.host)) {
            report(
                out,
                endpoint_path,
                "must be amqps: SASL Plain would send the password unencrypted to another host"
            );
        }
    }
}

void check_upstream(problems& out, const std::string& path, const upstream& up) {
    if (up.limits.reconnect_initial > up.limits.reconnect_maximum) {
        report(out, path + ".limits.reconnectInitial", "is longer than reconnectMaximum");
    }
    if (up.type == upstream_type::embedded) {
        const std::string text = "does not belong to type Embedded";
        if (!up.endpoints.empty()) report(out, path + ".endpoints", text);
        if (up.sasl.secret || up.sasl.mechanism != sasl_mechanism::anonymous) {
            report(out, path + ".sasl", text);
        }
        if (up.tls) report(out, path + ".tls", text);
        return;
    }
    if (up.endpoints.empty()) {
        report(
            out,
            path + ".endpoints",
            "is required: type " + std::string(enum_text(up.type)) + " needs at least one"
        );
    }
    const bool has_tls = std::any_of(
        up.endpoints.begin(), up.endpoints.end(), [](const endpoint& e) { return e.tls; }
    );
    if (up.tls && !up.endpoints.empty() && !has_tls) {
        report(out, path + ".tls", "has no effect: no endpoint is amqps");
    }
    check_sasl(out, path, up);
}

void check_limits(problems& out, const gateway& g) {
    if (g.limits.max_inflight_bytes < g.limits.max_packet_size) {
        report(
            out,
            "spec.limits.maxInflightBytes",
            "is less than maxPacketSize: the largest packet would never be taken"
        );
    }
    for (std::size_t i = 0; i < g.upstreams.size(); ++i) {
        if (g.upstreams[i].limits.max_unsettled_bytes >= g.limits.max_packet_size) continue;
        report(
            out,
            at_index("spec.upstreams", i) + ".limits.maxUnsettledBytes",
            "is less than spec.limits.maxPacketSize: the largest packet could never be sent"
        );
    }
}

void check_operator_fields(problems& out, const gateway& g) {
    // 0: it is missing, which was said.
    if (g.autoscaling && g.autoscaling->max_shards != 0 &&
        g.autoscaling->min_shards > g.autoscaling->max_shards) {
        report(out, "spec.autoscaling.minShards", "is more than maxShards");
    }
    if (g.service.type == service_type::cluster_ip &&
        g.service.external_traffic_policy == traffic_policy::local) {
        report(
            out,
            "spec.service.externalTrafficPolicy",
            "Local has no effect with type ClusterIP: nothing comes from outside"
        );
    }
}

}  // namespace

std::vector<problem> validate(const gateway& g) {
    problems out;
    check_fields(g, out);
    check_names(out, "spec.listeners", g.listeners);
    check_names(out, "spec.authentication", g.authentication);
    check_names(out, "spec.upstreams", g.upstreams);
    check_names(out, "spec.routes.publish", g.routes.publish);
    check_ports(out, g);
    for (std::size_t i = 0; i < g.listeners.size(); ++i) {
        check_listener(out, at_index("spec.listeners", i), g.listeners[i]);
    }
    for (std::size_t i = 0; i < g.upstreams.size(); ++i) {
        check_upstream(out, at_index("spec.upstreams", i), g.upstreams[i]);
    }
    check_limits(out, g);
    check_routes(g, out);
    check_operator_fields(out, g);
    return out;
}

}  // namespace pgw::manifest
