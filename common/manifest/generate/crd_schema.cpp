// Patterns say in RE2 what scalars.cpp, syntax.cpp and topic_template.cpp recognise.
#include "common/manifest/generate/crd_schema.hpp"

#include "common/manifest/text/syntax.hpp"

#include <limits>

namespace pgw::manifest {

namespace {

namespace json = boost::json;

constexpr int max_template = 4096;
constexpr int max_topic_template = 1024;
constexpr int max_number = 32;
constexpr int max_address = 45;

const std::string label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const std::string subdomain = label + "(\\." + label + ")*";
const std::string name_part = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
const std::string qualified_name = "(" + subdomain + "/)?" + name_part;
const std::string host = "[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*";
const std::string quantity =
    "([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,2})?";

const std::string variable_name = "[A-Za-z][A-Za-z0-9_-]{0,63}";
const std::string variable = "\\{" + variable_name + "\\}";

std::string whole(const std::string& pattern) {
    return "^" + pattern + "$";
}

std::string topic_template_pattern() {
    const std::string literal = "([^{}/+#\\x00]|\\{\\{|\\}\\})";
    const auto level = literal + "*(" + variable + literal + "+)*(" + variable + ")?";
    const auto optional = "\\{" + variable_name + "=[^{}/+#\\x00]*\\}";
    const auto rest = "\\{\\*" + variable_name + "\\}";
    return whole(
        "(" + level + "(/" + level + ")*((/" + optional + ")*|/" + rest + ")|" + optional + "(/" +
        optional + ")*|" + rest + ")"
    );
}

std::string value_template_pattern() {
    return whole("([^{}\\x00]|\\{\\{|\\}\\}|" + variable + ")*");
}

json::object text_schema(const std::string& pattern, std::size_t minimum, std::size_t maximum) {
    json::object schema{{"type", "string"}};
    if (minimum > 0) schema["minLength"] = minimum;
    schema["maxLength"] = maximum;
    if (!pattern.empty()) schema["pattern"] = pattern;
    return schema;
}

json::object int_or_string(const std::string& pattern) {
    return {
        {"x-kubernetes-int-or-string", true},
        {"anyOf", json::array{json::object{{"type", "integer"}}, json::object{{"type", "string"}}}},
        {"maxLength", max_number},
        {"pattern", pattern}
    };
}

json::object checked_text(
    std::size_t maximum, const std::string& rule, const std::string& message
) {
    auto schema = text_schema({}, 0, maximum);
    add_validation(schema, rule, message);
    return schema;
}

}  // namespace

void add_validation(
    json::object& schema,
    const std::string& rule,
    const std::string& message,
    const std::string& field_path
) {
    json::object validation{{"rule", rule}};
    if (!message.empty()) validation["message"] = message;
    if (!field_path.empty()) validation["fieldPath"] = field_path;
    auto& validations = schema["x-kubernetes-validations"];
    if (!validations.is_array()) validations = json::array();
    validations.get_array().push_back(std::move(validation));
}

json::object schema_of(const number_rule& rule) {
    const bool is_small = rule.maximum <= std::numeric_limits<std::int32_t>::max();
    return {
        {"type", "integer"},
        {"format", is_small ? "int32" : "int64"},
        {"minimum", rule.minimum},
        {"maximum", rule.maximum}
    };
}

json::object schema_of(const size_rule& rule) {
    auto schema = int_or_string(whole("[0-9]+(k|[MGT]|[KMGT]i)?"));
    const auto bound = [](std::uint64_t bytes) { return "quantity('" + print_size(bytes) + "')"; };
    const std::string self = "quantity(string(self))";
    add_validation(
        schema,
        self + ".compareTo(" + bound(rule.minimum) + ") >= 0 && " + self + ".compareTo(" +
            bound(rule.maximum) + ") <= 0",
        "is not in " + range_text(rule)
    );
    return schema;
}

json::object schema_of(const time_rule& rule) {
    auto schema = text_schema(whole("([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"), 2, max_number);
    const auto bound = [](base::milliseconds time) {
        return "duration('" + print_duration(time) + "')";
    };
    add_validation(
        schema,
        "duration(self) >= " + bound(rule.minimum) + " && duration(self) <= " + bound(rule.maximum),
        "is not in " + range_text(rule)
    );
    if (rule.whole_seconds) {
        add_validation(
            schema,
            "duration(self).getMilliseconds() % 1000 == 0",
            "must be a whole number of seconds"
        );
    }
    return schema;
}

json::object schema_of(const text_rule& rule) {
    switch (rule.kind) {
        case text_kind::label:
            return text_schema(whole(label), 1, max_label);
        case text_kind::secret_name:
            return text_schema(whole(subdomain), 1, max_subdomain);
        case text_kind::secret_key:
            return text_schema(
                whole("([-_A-Za-z0-9]|\\.[-_A-Za-z0-9])[-._A-Za-z0-9]*"), 1, max_subdomain
            );
        case text_kind::ip_address:
            return checked_text(max_address, "isIP(self)", "is not an IP address");
        case text_kind::host:
            return checked_text(
                max_subdomain,
                "self == '' || isIP(self) || self.matches(r'" + whole(host) + "')",
                "is neither a host name nor an IP address"
            );
        case text_kind::topic_template:
            return text_schema(topic_template_pattern(), 1, max_topic_template);
        case text_kind::value_template:
            return text_schema(value_template_pattern(), 0, max_template);
        case text_kind::image:
            return text_schema(
                whole("([A-Za-z0-9]([-A-Za-z0-9_./:@+]*[A-Za-z0-9])?)?"), 0, max_image
            );
        case text_kind::object_name:
            return text_schema(whole("(" + subdomain + ")?"), 0, max_subdomain);
        case text_kind::qualified_name: {
            auto schema =
                text_schema(whole("(" + qualified_name + ")?"), 0, max_subdomain + 1 + 63);
            add_validation(
                schema, "self.indexOf('/') <= 253", "has a prefix of more than 253 characters"
            );
            return schema;
        }
        case text_kind::cidr:
            return checked_text(
                max_address + 4, "isCIDR(self)", "is not a network such as 10.0.0.0/8 or fd00::/8"
            );
    }
    return {};
}

json::object schema_of(const endpoint_rule&) {
    const std::string port =
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    auto schema =
        text_schema(whole("amqps?://(" + host + "|\\[[0-9A-Fa-f:.]+\\])(:" + port + ")?"), 1, 267);
    add_validation(
        schema,
        "!self.contains('[') || [self.substring(self.indexOf('[') + 1, self.indexOf(']'))].all(a, "
        "isIP(a) && ip(a).family() == 6)",
        "has no IPv6 address between the brackets"
    );
    add_validation(
        schema,
        "!self.matches('^amqps?://[^:\\\\[]{254}')",
        "is not amqp://host:port or amqps://host:port"
    );
    return schema;
}

json::object schema_of(const map_rule& rule) {
    json::object values;
    switch (rule.kind) {
        case map_kind::properties:
            values = text_schema(value_template_pattern(), 0, max_template);
            break;
        case map_kind::labels:
            values = text_schema(whole("(" + name_part + ")?"), 0, max_label_value);
            break;
        case map_kind::annotations:
            values = text_schema({}, 0, 4096);
            break;
        case map_kind::quantities:
            values = int_or_string(whole(quantity));
            values["minimum"] = 0;
            break;
    }
    json::object schema{
        {"type", "object"},
        {"maxProperties", rule.maximum},
        {"additionalProperties", std::move(values)}
    };
    if (rule.kind != map_kind::properties) {
        add_validation(
            schema,
            "self.all(k, k.matches(r'" + whole(qualified_name) + "') && k.indexOf('/') <= 253)",
            "a key is at most 63 letters, digits, '-', '_' and '.', beginning and ending with a "
            "letter or digit, perhaps after a DNS subdomain and '/'"
        );
    }
    return schema;
}

json::object schema_of(const object_rule&) {
    return {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
}

}  // namespace pgw::manifest
