// Block style for objects and lists, text quoted as in JSON where it could be taken for anything
// else.
#include "common/manifest/text/yaml_text.hpp"

#include "common/base/json_text.hpp"
#include "common/yaml/plain_scalar.hpp"

#include <algorithm>

namespace pgw::manifest {

namespace {

namespace json = boost::json;

// Text that every YAML reader takes for text without quotes. Everything else is quoted as in JSON,
// which is YAML too.
bool is_plain(std::string_view text) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (text.empty() || !is_letter(text.front())) return false;
    for (const std::string_view word : {"null", "Null", "NULL"}) {
        if (text == word) return false;
    }
    return yaml::classify_plain(text) == yaml::plain_type::text &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                      c == '/';
           });
}

void append_text(std::string& out, std::string_view text) {
    if (is_plain(text)) {
        out += text;
    } else {
        base::append_json_string(out, text);
    }
}

// YAML takes more than 1024 characters for a key only where it is announced as one.
void append_key(std::string& out, std::string_view key, std::size_t indent) {
    constexpr std::size_t longest = 1000;
    std::string text;
    append_text(text, key);
    if (text.size() > longest) {
        out += "? " + text + "\n";
        out.append(indent, ' ');
    } else {
        out += text;
    }
    out += ':';
}

void append_yaml(std::string& out, const json::value& value, std::size_t indent, bool in_list);

// `in_list`: the first line continues that of the item's dash.
void append_object(std::string& out, const json::object& object, std::size_t indent, bool in_list) {
    bool is_first = true;
    for (const auto& [key, value] : object) {
        if (!is_first || !in_list) out.append(indent, ' ');
        is_first = false;
        append_key(out, key, indent);
        append_yaml(out, value, indent + 2, false);
    }
}

void append_yaml(std::string& out, const json::value& value, std::size_t indent, bool in_list) {
    if (const auto* object = value.if_object()) {
        if (object->empty()) {
            out += in_list ? "{}\n" : " {}\n";
            return;
        }
        if (!in_list) out += '\n';
        append_object(out, *object, indent, in_list);
    } else if (const auto* array = value.if_array()) {
        if (array->empty()) {
            out += " []\n";
            return;
        }
        out += '\n';
        for (const auto& item : *array) {
            out.append(indent, ' ');
            out += "- ";
            append_yaml(out, item, indent + 2, true);
        }
    } else {
        if (!in_list) out += ' ';
        if (const auto* text = value.if_string()) {
            append_text(out, *text);
        } else {
            out += json::serialize(value);
        }
        out += '\n';
    }
}

}  // namespace

std::string to_yaml(const json::object& object) {
    std::string out;
    append_object(out, object, 0, false);
    return out;
}

}  // namespace pgw::manifest
