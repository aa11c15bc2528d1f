// Every rule is bounded: each list, map and text of the schema has a maximum, and lists are
// compared with each other only where both are short.
#include "common/manifest/generate/crd_rules.hpp"

#include "common/manifest/judge/route_rules.hpp"
#include "common/manifest/model/fields.hpp"
#include "common/manifest/text/scalars.hpp"

#include <initializer_list>

namespace pgw::manifest {

namespace {

std::string quoted(std::string_view text) {
    return "'" + std::string(text) + "'";
}

// `object.a.b` where it is there, else the fallback.
std::string either(
    std::string_view object, std::initializer_list<std::string_view> names, std::string fallback
) {
    std::string text(object);
    std::string present;
    for (const auto name : names) {
        text += "." + std::string(name);
        present += (present.empty() ? "has(" : " && has(") + text + ")";
    }
    return "(" + present + " ? " + text + " : " + std::move(fallback) + ")";
}

// A size is an integer or text.
std::string size_of(
    std::string_view object, std::initializer_list<std::string_view> names, std::uint64_t fallback
) {
    return "quantity(" +
           either(object, names, quoted(print_size(fallback))).insert(0, "string(").append("))");
}

std::string duration_of(
    std::string_view object, std::string_view name, base::milliseconds fallback
) {
    return "duration(" + either(object, {name}, quoted(print_duration(fallback))) + ")";
}

// What listens: expressions for its address and port.
struct socket {
    std::string address;
    std::string port;
};

socket listener_socket(std::string_view object) {
    return {either(object, {"address"}, quoted(listener{}.address)), std::string(object) + ".port"};
}

socket embedded_socket(std::string_view object) {
    const embedded_broker defaults;
    return {
        either(object, {"embedded", "address"}, quoted(defaults.address)),
        either(object, {"embedded", "port"}, std::to_string(defaults.port))
    };
}

socket admin_socket() {
    const admin defaults;
    return {
        either("self", {"admin", "address"}, quoted(defaults.address)),
        either("self", {"admin", "port"}, std::to_string(defaults.port))
    };
}

// Both have the same port on addresses that overlap.
std::string clash(const socket& a, const socket& b) {
    const std::string wildcards = " in ['0.0.0.0', '::']";
    return "(" + a.port + " != 0 && " + a.port + " == " + b.port + " && (" + a.address +
           " == " + b.address + " || " + a.address + wildcards + " || " + b.address + wildcards +
           "))";
}

void add_port_rules(std::vector<cel_rule>& rules) {
    rules.push_back(
        {"spec.listeners",
         "self.all(a, !self.exists(b, a.name != b.name && " +
             clash(listener_socket("a"), listener_socket("b")) + "))",
         "a port is taken by another listener",
         {}}
    );
    rules.push_back(
        {"spec",
         "!self.listeners.exists(l, " + clash(admin_socket(), listener_socket("l")) + ")",
         "is taken by a listener",
         ".admin.port"}
    );
    rules.push_back(
        {"spec.upstreams",
         "self.all(a, a.type != 'Embedded' || !self.exists(b, a.name != b.name && b.type == "
         "'Embedded' && " +
             clash(embedded_socket("a"), embedded_socket("b")) + "))",
         "the port of an embedded broker is taken by another one",
         {}}
    );
    rules.push_back(
        {"spec",
         "self.upstreams.all(u, u.type != 'Embedded' || !(" +
             clash(embedded_socket("u"), admin_socket()) + " || self.listeners.exists(l, " +
             clash(embedded_socket("u"), listener_socket("l")) + ")))",
         "the port of an embedded broker is taken by a listener or by spec.admin",
         ".upstreams"}
    );
}

void add_listener_rules(std::vector<cel_rule>& rules) {
    const auto mode = either("self", {"mode"}, "'None'");
    const std::string path = "spec.listeners[].tls.clientAuth";
    rules.push_back(
        {path,
         mode + " == 'None' || has(self.caSecretRef)",
         "is required: the modes Optional and Required need the authorities that are trusted",
         ".caSecretRef"}
    );
    rules.push_back(
        {path,
         mode + " != 'None' || !has(self.caSecretRef)",
         "has no effect with mode None",
         ".caSecretRef"}
    );
}

void add_sasl_rules(std::vector<cel_rule>& rules) {
    const auto mechanism = either("self", {"mechanism"}, "'Anonymous'");
    rules.push_back(
        {"spec.upstreams[].sasl",
         mechanism + " != 'Plain' || has(self.secretRef)",
         "is required: it holds username and password",
         ".secretRef"}
    );
    rules.push_back(
        {"spec.upstreams[].sasl",
         mechanism + " == 'Plain' || !has(self.secretRef)",
         "is for mechanism Plain only",
         ".secretRef"}
    );
    const std::string path = "spec.upstreams[]";
    const auto of_upstream = either("self", {"sasl", "mechanism"}, "'Anonymous'");
    rules.push_back(
        {path,
         of_upstream + " != 'External' || (has(self.tls) && has(self.tls.secretRef))",
         "is required: SASL External proves identity by this certificate",
         ".tls.secretRef"}
    );
    rules.push_back(
        {path,
         of_upstream + " != 'External' || !has(self.endpoints) || self.endpoints.all(e, "
                       "e.startsWith('amqps://'))",
         "must be amqps: SASL External needs TLS",
         ".endpoints"}
    );
    rules.push_back(
        {path,
         of_upstream + " != 'Plain' || !has(self.endpoints) || self.endpoints.all(e, "
                       "e.startsWith('amqps://') || [e.startsWith('amqp://[') ? e.substring(8, "
                       "e.indexOf(']'))"
                       " : e.substring(7).split(':')[0]].all(h, h == 'localhost' || (isIP(h) && "
                       "ip(h).isLoopback())))",
         "must be amqps: SASL Plain would send the password unencrypted to another host",
         ".endpoints"}
    );
}

void add_upstream_rules(std::vector<cel_rule>& rules) {
    const std::string path = "spec.upstreams[]";
    const std::string not_of_embedded = "does not belong to type Embedded";
    const std::string has_endpoints = "(has(self.endpoints) && self.endpoints.size() > 0)";
    rules.push_back(
        {path, "self.type != 'Embedded' || !" + has_endpoints, not_of_embedded, ".endpoints"}
    );
    rules.push_back(
        {path,
         "self.type != 'Embedded' || (" + either("self", {"sasl", "mechanism"}, "'Anonymous'") +
             " == 'Anonymous' && !(has(self.sasl) && has(self.sasl.secretRef)))",
         not_of_embedded,
         ".sasl"}
    );
    rules.push_back({path, "self.type != 'Embedded' || !has(self.tls)", not_of_embedded, ".tls"});
    rules.push_back(
        {path,
         "self.type == 'Embedded' || " + has_endpoints,
         "is required: every type but Embedded needs at least one",
         ".endpoints"}
    );
    rules.push_back(
        {path,
         "self.type == 'Embedded' || !has(self.tls) || !" + has_endpoints +
             " || self.endpoints.exists(e, e.startsWith('amqps://'))",
         "has no effect: no endpoint is amqps",
         ".tls"}
    );
    const upstream_limits defaults;
    rules.push_back(
        {path + ".limits",
         duration_of("self", "reconnectInitial", defaults.reconnect_initial) +
             " <= " + duration_of("self", "reconnectMaximum", defaults.reconnect_maximum),
         "is longer than reconnectMaximum",
         ".reconnectInitial"}
    );
    add_sasl_rules(rules);
}

void add_limit_rules(std::vector<cel_rule>& rules) {
    const limits defaults;
    rules.push_back(
        {"spec.limits",
         size_of("self", {"maxInflightBytes"}, defaults.max_inflight_bytes) + ".compareTo(" +
             size_of("self", {"maxPacketSize"}, defaults.max_packet_size) + ") >= 0",
         "is less than maxPacketSize: the largest packet would never be taken",
         ".maxInflightBytes"}
    );
    rules.push_back(
        {"spec",
         "self.upstreams.all(u, " +
             size_of("u", {"limits", "maxUnsettledBytes"}, upstream_limits{}.max_unsettled_bytes) +
             ".compareTo(" +
             size_of("self", {"limits", "maxPacketSize"}, defaults.max_packet_size) + ") >= 0)",
         "limits.maxUnsettledBytes is less than spec.limits.maxPacketSize: the largest packet "
         "could "
         "never be sent",
         ".upstreams"}
    );
}

// A regular expression of a brace that opens a variable: `{{` is a literal one.
const std::string opening = "(^|[^{])(\\{\\{)*\\{";

std::string route_to_rabbitmq(std::string_view address) {
    return "self.upstreams.exists(u, u.name == r.to.upstream && u.type == 'RabbitMQ') && " +
           std::string(address) + ".matches(r'" + opening + "[^{]')";
}

std::string builtin_alternatives() {
    std::string text;
    for (const auto name : builtin_variables) text += (text.empty() ? "" : "|") + std::string(name);
    return text;
}

void add_route_rules(std::vector<cel_rule>& rules) {
    const std::string list = "spec.routes.publish";
    const std::string no_routes = "!has(self.routes.publish) || ";
    rules.push_back(
        {"spec",
         no_routes +
             "self.routes.publish.all(r, self.upstreams.exists(u, u.name == r.to.upstream))",
         "to.upstream: there is no upstream of that name",
         ".routes.publish"}
    );
    const std::string reason =
        " must not hold variables: RabbitMQ offers no anonymous terminus; name one address or use "
        "another upstream type";
    rules.push_back(
        {"spec",
         no_routes + "!self.routes.publish.exists(r, " + route_to_rabbitmq("r.to.address") + ")",
         "to.address" + reason,
         ".routes.publish"}
    );
    rules.push_back(
        {"spec",
         no_routes +
             "!self.routes.publish.exists(r, has(r.onRefused) && has(r.onRefused.deadLetter) && " +
             route_to_rabbitmq("r.onRefused.deadLetter.address") + ")",
         "onRefused.deadLetter.address" + reason,
         ".routes.publish"}
    );
    rules.push_back(
        {list + "[].match",
         "!self.topic.matches(r'" + opening + "\\*?(" + builtin_alternatives() + ")[=}]')",
         "binds a built-in variable",
         ".topic"}
    );
    for (const auto* field : {"[].to.address", "[].onRefused.deadLetter.address"}) {
        rules.push_back({list + field, "self != ''", "must not be empty", {}});
    }
    rules.push_back(
        {list + "[].to.properties",
         "self.all(k, k != '' && k.size() <= 255)",
         "a property's name has 1 to 255 bytes",
         {}}
    );
    rules.push_back(
        {list + "[].to.properties",
         "self.all(k, !k.startsWith('mqtt-') && !k.startsWith('x-opt-'))",
         "names that begin with 'mqtt-' or 'x-opt-' are reserved",
         {}}
    );
}

void add_operator_rules(std::vector<cel_rule>& rules) {
    rules.push_back(
        {"spec.autoscaling",
         either("self", {"minShards"}, std::to_string(autoscaling{}.min_shards)) +
             " <= self.maxShards",
         "is more than maxShards",
         ".minShards"}
    );
    rules.push_back(
        {"spec.service",
         either("self", {"type"}, "'ClusterIP'") + " != 'ClusterIP' || " +
             either("self", {"externalTrafficPolicy"}, "'Cluster'") + " != 'Local'",
         "Local has no effect with type ClusterIP: nothing comes from outside",
         ".externalTrafficPolicy"}
    );
}

void add_name_rules(std::vector<cel_rule>& rules) {
    rules.push_back(
        {{},
         "self.metadata.name.size() <= 40 && !self.metadata.name.contains('.')",
         "metadata.name is not a DNS label: lower-case letters, digits and '-', beginning and "
         "ending with a letter "
         "or digit, at most 40 characters",
         {}}
    );
    // Of listeners and upstreams the names are the keys.
    for (const auto* list : {"spec.authentication", "spec.routes.publish"}) {
        rules.push_back(
            {list, "self.all(a, self.exists_one(b, b.name == a.name))", "two have the same name", {}
            }
        );
    }
}

}  // namespace

const std::vector<cel_rule>& cel_rules() {
    static const auto rules = [] {
        std::vector<cel_rule> all;
        add_name_rules(all);
        add_port_rules(all);
        add_listener_rules(all);
        add_upstream_rules(all);
        add_limit_rules(all);
        add_route_rules(all);
        add_operator_rules(all);
        return all;
    }();
    return rules;
}

}  // namespace pgw::manifest
