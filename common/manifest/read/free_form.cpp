// Converts between nodes and JSON.
#include "common/manifest/read/free_form.hpp"

#include "common/manifest/judge/rules.hpp"
#include "common/yaml/plain_scalar.hpp"

#include <charconv>
#include <utility>

namespace pgw::manifest {

namespace {

namespace json = boost::json;

// JSON is YAML only where keys are shorter than 1024 characters as they are written.
constexpr std::size_t longest_key = 1000;

template <class Number>
Number number_of(std::string_view text) {
    Number value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

json::value to_value(const node& n, const std::string& path, std::vector<problem>& out);

json::value plain_value(const node& n, const std::string& path, std::vector<problem>& out) {
    switch (yaml::classify_plain(n.scalar)) {
        case yaml::plain_type::text:
            return json::value(n.scalar);
        case yaml::plain_type::boolean:
            return n.scalar.front() == 't' || n.scalar.front() == 'T';
        case yaml::plain_type::integer:
            return number_of<std::int64_t>(n.scalar);
        case yaml::plain_type::number:
            return number_of<double>(n.scalar);
        case yaml::plain_type::unclear:
            out.push_back(
                {path,
                 in_quotes(n.scalar) + " is not text to every reader; write it in quotes",
                 n.mark.line,
                 n.mark.column}
            );
    }
    return nullptr;
}

json::object to_object(const node& n, const std::string& path, std::vector<problem>& out) {
    json::object object;
    for (const auto& m : n.members) {
        if (json::serialize(m.key).size() > longest_key) {
            out.push_back(
                {path, "has a key of more than 1000 characters", m.mark.line, m.mark.column}
            );
        }
        object[m.key] = to_value(m.value, below(path, m.key), out);
    }
    return object;
}

json::value to_value(const node& n, const std::string& path, std::vector<problem>& out) {
    switch (n.kind) {
        case node::kind_type::null:
            break;
        case node::kind_type::plain:
            return plain_value(n, path, out);
        case node::kind_type::text:
            return json::value(n.scalar);
        case node::kind_type::list: {
            json::array array;
            for (std::size_t i = 0; i < n.items.size(); ++i) {
                array.push_back(to_value(n.items[i], at_index(path, i), out));
            }
            return array;
        }
        case node::kind_type::object:
            return to_object(n, path, out);
    }
    return nullptr;
}

}  // namespace

std::string free_form_text(const node& object, const std::string& path, std::vector<problem>& out) {
    if (object.members.empty()) return {};
    return json::serialize(to_object(object, path, out));
}

json::object parse_free_form(std::string_view text) {
    // Not with json::parse: its numbers are not those that were printed to the last bit.
    const auto document = parse_document(text);
    const auto* const root = std::get_if<node>(&document);
    if (root == nullptr) return {};
    std::vector<problem> ignored;
    return to_object(*root, {}, ignored);
}

}  // namespace pgw::manifest
