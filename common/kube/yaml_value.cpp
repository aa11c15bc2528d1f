#include "common/kube/yaml_value.hpp"

#include "common/yaml/document.hpp"
#include "common/yaml/plain_scalar.hpp"

#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace pgw::kube {

namespace {

namespace json = boost::json;

// What client-go does not read as text either. Where its YAML 1.1 and others differ (yes, 010), the
// text stays as it stands, and a field that needs true or false refuses it.
json::value plain_value(const std::string& text) {
    switch (yaml::classify_plain(text)) {
        case yaml::plain_type::boolean:
            return text.front() == 't' || text.front() == 'T';
        case yaml::plain_type::integer: {
            std::int64_t number = 0;
            std::from_chars(text.data(), text.data() + text.size(), number);
            return number;
        }
        case yaml::plain_type::text:
        case yaml::plain_type::number:
        case yaml::plain_type::unclear:
            break;
    }
    return json::value(text);
}

json::value value_of(const yaml::node& node) {
    using kind = yaml::node::kind_type;
    switch (node.kind) {
        case kind::null:
            break;
        case kind::plain:
            return plain_value(node.scalar);
        case kind::text:
            return json::value(node.scalar);
        case kind::list: {
            json::array array;
            for (const auto& item : node.items) array.push_back(value_of(item));
            return array;
        }
        case kind::object: {
            json::object object;
            for (const auto& member : node.members) object[member.key] = value_of(member.value);
            return object;
        }
    }
    return nullptr;
}

std::string text_of(const yaml::fault& fault) {
    std::string text;
    if (fault.at.line > 0) text = "line " + std::to_string(fault.at.line) + ": ";
    if (!fault.path.empty()) text += fault.path + ": ";
    return text + fault.text;
}

std::optional<json::value> read_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = max_yaml_depth;
    boost::system::error_code failure;
    auto value = json::parse(text, failure, {}, options);
    if (failure) return std::nullopt;
    return value;
}

}  // namespace

std::variant<json::value, std::string> read_yaml(std::string_view text) {
    // Not all JSON is YAML as yaml-cpp reads it: tabs, escapes.
    const auto first = text.find_first_not_of(" \t\r\n");
    const bool is_small = text.size() <= max_yaml_bytes;
    if (is_small && first != std::string_view::npos && text[first] == '{') {
        if (auto value = read_json(text)) return std::move(*value);
    }
    const auto parsed = yaml::parse(
        text,
        {.max_bytes = max_yaml_bytes,
         .max_nodes = max_yaml_nodes,
         .max_depth = max_yaml_depth,
         .one_document = false,
         .may_be_empty = true}
    );
    if (const auto* root = std::get_if<yaml::node>(&parsed)) return value_of(*root);
    return text_of(std::get<std::vector<yaml::fault>>(parsed).front());
}

}  // namespace pgw::kube
