// The view that makes the CRD's schema.
#include "common/manifest/generate/crd.hpp"

#include "common/manifest/generate/crd_rules.hpp"
#include "common/manifest/generate/crd_schema.hpp"
#include "common/manifest/generate/prose.hpp"
#include "common/manifest/model/fields.hpp"
#include "common/manifest/text/yaml_text.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace pgw::manifest {

namespace {

namespace json = boost::json;

void add_rules(json::object& schema, std::string_view path) {
    for (const auto& rule : cel_rules()) {
        if (rule.path == path) add_validation(schema, rule.rule, rule.message, rule.field_path);
    }
}

template <described T>
json::object object_schema(const std::string& path);

template <class T, class Rule>
struct schema_for {
    static json::object make(const Rule& rule, const std::string& path) {
        auto schema = schema_of(rule);
        add_rules(schema, path);
        return schema;
    }
};
template <class Enum>
    requires std::is_enum_v<Enum>
struct schema_for<Enum, no_rule> {
    static json::object make(const no_rule&, const std::string&) {
        json::array names;
        for (const auto& row : enum_table<Enum>::rows) names.push_back(json::value(row.name));
        return {{"type", "string"}, {"enum", std::move(names)}};
    }
};
template <described T>
struct schema_for<T, no_rule> {
    static json::object make(const no_rule&, const std::string& path) {
        return object_schema<T>(path);
    }
};
template <class T, class ItemRule>
struct schema_for<std::vector<T>, list_rule<ItemRule>> {
    static json::object make(const list_rule<ItemRule>& rule, const std::string& path) {
        auto schema = schema_of(rule, schema_for<T, ItemRule>::make(rule.item, path + "[]"));
        add_rules(schema, path);
        return schema;
    }
};
template <class T, class Rule>
struct schema_for<std::optional<T>, Rule> : schema_for<T, Rule> {};

// Fills an object's `properties` and `required`, and the rules of unions.
template <class Owner>
class schema_view {
public:
    explicit schema_view(std::string path) : path_(std::move(path)) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::* member, const Rule& rule, const Only& only = {}) {
        std::string text =
            std::string(info.text) + only_text<Owner>(only) + enum_prose<T>::text("\n- ");
        if (!info.required) {
            const auto value = default_text(defaults_.*member, rule);
            if (!value.empty()) text += (enum_prose<T>::text("").empty() ? " " : "\n\n");
            if (!value.empty()) text += "Default: " + value + ".";
        }
        add(info, schema_for<T, Rule>::make(rule, below(path_, info.name)), text, only);
        if (info.name == "type" && info.required) has_required_type_ = true;
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& only = {}) {
        const auto path = below(path_, info.name);
        schema_view inner(path);
        describe(inner);
        auto schema = std::move(inner).take();
        add_rules(schema, path);
        add(info, std::move(schema), std::string(info.text) + only_text<Owner>(only), only);
    }
    void constant(const field_info&, std::string_view) {}
    void ignored(const field_info&) {}

    json::object take() && {
        json::object schema{{"type", "object"}};
        if (!required_.empty()) schema["required"] = std::move(required_);
        schema["properties"] = std::move(properties_);
        for (auto& union_rule : union_rules_) {
            add_validation(schema, union_rule.rule, union_rule.message, union_rule.field_path);
        }
        return schema;
    }

private:
    template <class Only>
    void add(
        const field_info& info, json::object schema, const std::string& text, const Only& only
    ) {
        json::object described_schema{{"description", text}};
        for (auto& member : schema) described_schema[member.key()] = std::move(member.value());
        properties_[info.name] = std::move(described_schema);
        if constexpr (std::is_same_v<Only, always>) {
            if (info.required) required_.push_back(json::value(info.name));
        } else {
            const std::string name(info.name);
            const std::string wanted(enum_text(only.value));
            const auto type = has_required_type_
                                  ? std::string("self.type")
                                  : "(has(self.type) ? self.type : '" +
                                        std::string(enum_text(defaults_.*only.type)) + "')";
            union_rules_.push_back(
                {{},
                 type + " == '" + wanted + "' || !has(self." + name + ")",
                 "belongs to type " + wanted + " only",
                 "." + name}
            );
            if (info.required) {
                union_rules_.push_back(
                    {{},
                     type + " != '" + wanted + "' || has(self." + name + ")",
                     "is required",
                     "." + name}
                );
            }
        }
    }

    std::string path_;
    json::object properties_;
    json::array required_;
    std::vector<cel_rule> union_rules_;
    Owner defaults_;
    bool has_required_type_ = false;
};

template <described T>
json::object object_schema(const std::string& path) {
    schema_view<T> view(path);
    schema<T>::describe(view);
    auto result = std::move(view).take();
    add_rules(result, path);
    return result;
}

json::object root_schema() {
    auto fields = object_schema<gateway>({});
    auto spec = std::move(fields["properties"].at("spec").get_object());
    // An autoscaler reads and writes it: it must be there.
    spec["properties"].at("shards").get_object()["default"] = gateway{}.shards;
    json::object schema{
        {"description", "A gateway from MQTT devices to AMQP 1.0 back ends."},
        {"type", "object"},
        {"required", json::array{"spec"}},
        {"properties",
         json::object{
             {"apiVersion",
              json::object{{"description", "The version of the schema."}, {"type", "string"}}},
             {"kind", json::object{{"description", "The kind of object."}, {"type", "string"}}},
             {"metadata", json::object{{"type", "object"}}},
             {"spec", std::move(spec)},
             {"status", status_schema()}
         }}
    };
    add_rules(schema, {});
    return schema;
}

json::object column(
    std::string_view name, std::string_view type, std::string_view path, std::int64_t priority = 0
) {
    json::object result{{"name", name}, {"type", type}, {"jsonPath", path}};
    if (priority > 0) result["priority"] = priority;
    return result;
}

json::array columns() {
    const auto ready = [](std::string_view member) {
        return ".status.conditions[?(@.type==\"Ready\")]." + std::string(member);
    };
    return {
        column("Ready", "string", ready("status")),
        column("Shards", "integer", ".spec.shards"),
        column("Ready Shards", "integer", ".status.readyReplicas"),
        column("Connections", "integer", ".status.connections"),
        column("Reason", "string", ready("reason"), 1),
        column("Message", "string", ready("message"), 1),
        column("Age", "date", ".metadata.creationTimestamp")
    };
}

}  // namespace

json::object crd() {
    const auto slash = api_version.find('/');
    const auto group = std::string(api_version.substr(0, slash));
    const std::string plural = "protocolgateways";
    json::object version{
        {"name", api_version.substr(slash + 1)},
        {"served", true},
        {"storage", true},
        {"subresources",
         json::object{
             {"status", json::object()},
             {"scale",
              json::object{
                  {"specReplicasPath", ".spec.shards"},
                  {"statusReplicasPath", ".status.replicas"},
                  {"labelSelectorPath", ".status.selector"}
              }}
         }},
        {"additionalPrinterColumns", columns()},
        {"schema", json::object{{"openAPIV3Schema", root_schema()}}}
    };
    return {
        {"apiVersion", "apiextensions.k8s.io/v1"},
        {"kind", "CustomResourceDefinition"},
        {"metadata", json::object{{"name", plural + "." + group}}},
        {"spec",
         json::object{
             {"group", group},
             {"names",
              json::object{
                  {"kind", kind_name},
                  {"listKind", std::string(kind_name) + "List"},
                  {"plural", plural},
                  {"singular", "protocolgateway"},
                  {"shortNames", json::array{"pgw"}},
                  {"categories", json::array{"gateways"}}
              }},
             {"scope", "Namespaced"},
             {"versions", json::array{std::move(version)}}
         }}
    };
}

std::string crd_yaml() {
    return "# Generated from the field tables in common/manifest by `make generate`: not to be "
           "edited.\n" +
           to_yaml(crd());
}

}  // namespace pgw::manifest
