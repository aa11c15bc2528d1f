// The view that documents: the reference page from the field tables.
#include "common/manifest/generate/crd.hpp"
#include "common/manifest/generate/prose.hpp"

namespace pgw::manifest {

namespace {

template <described T>
void document_object(std::string& out, const std::string& path);

std::string type_text(const number_rule& rule) {
    return "integer, " + range_text(rule);
}
std::string type_text(const size_rule& rule) {
    return "size, " + range_text(rule);
}
std::string type_text(const time_rule& rule) {
    return "duration, " + range_text(rule);
}
std::string type_text(const endpoint_rule&) {
    return "endpoint";
}
std::string type_text(const map_rule& rule) {
    const auto of = [&]() -> std::string {
        switch (rule.kind) {
            case map_kind::properties:
                return "map of value templates";
            case map_kind::labels:
                return "map of labels";
            case map_kind::annotations:
                return "map of annotations";
            case map_kind::quantities:
                return "map of quantities";
        }
        return {};
    };
    return of() + ", at most " + std::to_string(rule.maximum);
}
std::string type_text(const object_rule& rule) {
    return "any object, at most " + print_size(rule.maximum);
}
std::string type_text(const text_rule& rule) {
    switch (rule.kind) {
        case text_kind::label:
            return "DNS label";
        case text_kind::secret_name:
            return "Secret name";
        case text_kind::secret_key:
            return "Secret key";
        case text_kind::ip_address:
            return "IP address";
        case text_kind::host:
            return "host";
        case text_kind::topic_template:
            return "topic template";
        case text_kind::value_template:
            return "value template";
        case text_kind::image:
            return "image";
        case text_kind::object_name:
            return "object name";
        case text_kind::qualified_name:
            return "qualified name";
        case text_kind::cidr:
            return "CIDR";
    }
    return {};
}

template <class T, class Rule>
struct field_type {
    static std::string text(const Rule& rule) { return type_text(rule); }
    static void members(std::string&, const std::string&) {}
};
template <class Enum>
    requires std::is_enum_v<Enum>
struct field_type<Enum, no_rule> {
    static std::string text(const no_rule&) { return "enum"; }
    static void members(std::string&, const std::string&) {}
};
template <described T>
struct field_type<T, no_rule> {
    static std::string text(const no_rule&) { return "object"; }
    static void members(std::string& out, const std::string& path) {
        document_object<T>(out, path);
    }
};
template <class T, class ItemRule>
struct field_type<std::vector<T>, list_rule<ItemRule>> {
    static std::string text(const list_rule<ItemRule>& rule) {
        return "list of " + field_type<T, ItemRule>::text(rule.item) + "s, " +
               std::to_string(rule.minimum) + ".." + std::to_string(rule.maximum);
    }
    static void members(std::string& out, const std::string& path) {
        field_type<T, ItemRule>::members(out, path + "[]");
    }
};
template <class T, class Rule>
struct field_type<std::optional<T>, Rule> : field_type<T, Rule> {};

template <class Owner>
class documenting_view {
public:
    documenting_view(std::string& out, std::string path) : out_(out), path_(std::move(path)) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::* member, const Rule& rule, const Only& only = {}) {
        const auto path = below(path_, info.name);
        row(path,
            field_type<T, Rule>::text(rule),
            info.required ? "required" : default_text(defaults_.*member, rule),
            info,
            std::string(info.text) + only_text<Owner>(only) + enum_prose<T>::text("<br>"));
        field_type<T, Rule>::members(out_, path);
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& only = {}) {
        const auto path = below(path_, info.name);
        row(path,
            "object",
            info.required ? "required" : "",
            info,
            std::string(info.text) + only_text<Owner>(only));
        documenting_view inner(out_, path);
        describe(inner);
    }
    void constant(const field_info& info, std::string_view text) {
        row(below(path_, info.name),
            "constant",
            "required",
            info,
            std::string(info.text) + " `" + std::string(text) + "`.");
    }
    void ignored(const field_info&) {}

private:
    void row(
        const std::string& path,
        const std::string& type,
        const std::string& default_value,
        const field_info& info,
        const std::string& text
    ) {
        out_ += "| `" + path + "` | " + type + " | " + default_value + " | " +
                (info.scope == field_scope::worker ? "worker" : "operator") + " | " +
                change_text(type, info) + " | " + text + " |\n";
    }

    // Of an object each field has its own.
    static std::string change_text(const std::string& type, const field_info& info) {
        if (type == "object") return {};
        return info.change == field_change::roll ? "roll" : "live";
    }

    std::string& out_;
    std::string path_;
    Owner defaults_;
};

template <described T>
void document_object(std::string& out, const std::string& path) {
    documenting_view<T> view(out, path);
    schema<T>::describe(view);
}

// The fields of a schema, for what is not in the field tables.
void document_schema(std::string& out, const std::string& path, const boost::json::object& schema) {
    const auto* const properties = schema.if_contains("properties");
    if (properties == nullptr) return;
    for (const auto& [name, value] : properties->get_object()) {
        const auto& field = value.get_object();
        const auto is_list = field.contains("items");
        const auto field_path = below(path, name) + (is_list ? "[]" : "");
        out += "| `" + field_path + "` | " + std::string(field.at("type").get_string()) + " | " +
               std::string(field.at("description").get_string()) + " |\n";
        document_schema(out, field_path, is_list ? field.at("items").get_object() : field);
    }
}

}  // namespace

std::string crd_reference() {
    std::string out = R"(# Reference of ProtocolGateway

Every field of `protocolgateway.dev/v1alpha1`, generated from the field tables in `common/manifest` by `make generate`: not to be edited.
[configuration.md](configuration.md) explains how a manifest is read, the kinds of values, secrets and templates.

## Manifest

*Scope* says who obeys a field: the worker, or only the operator (a worker checks and ignores it). *Change* says whether a change
reaches running workers (*live*) or needs new ones (*roll*).

| Field | Type | Default | Scope | Change | Meaning |
|---|---|---|---|---|---|
)";
    document_object<gateway>(out, "");
    out += R"(
## Status

What the operator writes. A worker ignores it.

| Field | Type | Meaning |
|---|---|---|
)";
    document_schema(out, "status", status_schema());
    return out;
}

}  // namespace pgw::manifest
