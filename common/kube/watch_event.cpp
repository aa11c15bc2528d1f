// Objects from the network: nothing is taken for granted, whatever its place or type.
#include "common/kube/watch_event.hpp"

#include "common/kube/status.hpp"

#include <utility>

namespace pgw::kube {

namespace {

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

const json::object* object_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

watch_event malformed(std::string what) {
    watch_event made;
    made.type = "ERROR";
    error& status = made.status.emplace();
    status.kind = error_kind::unavailable;
    status.message = std::move(what);
    return made;
}

// Everything but what RFC 3986 leaves unreserved.
void append_encoded(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte >> 4];
        out += digits[byte & 0xf];
    }
}

}  // namespace

watch_event decode_watch_event(json::object&& event) {
    watch_event made;
    made.type = text_of(event, "type");
    if (made.type.empty()) return malformed("an event without a type");
    auto* value = event.if_contains("object");
    auto* object = value == nullptr ? nullptr : value->if_object();
    if (object == nullptr) return malformed("an event without an object");
    if (const auto* metadata = object_of(*object, "metadata")) {
        made.resource_version = text_of(*metadata, "resourceVersion");
    }
    if (made.type == "ERROR") made.status = error_from_status(*object);
    made.object = std::move(*object);
    return made;
}

void complete_listed_object(json::object& object, const resource_type& type) {
    if (!object.contains("apiVersion")) object["apiVersion"] = type.api_version();
    if (!object.contains("kind")) object["kind"] = type.kind;
}

std::string watch_query(
    const watch_action& action, std::string_view label_selector, std::string_view field_selector
) {
    std::string query = "watch=1&allowWatchBookmarks=true&timeoutSeconds=";
    query += std::to_string(action.timeout.count());
    query += "&resourceVersion=";
    append_encoded(query, action.resource_version);
    if (!label_selector.empty()) {
        query += "&labelSelector=";
        append_encoded(query, label_selector);
    }
    if (!field_selector.empty()) {
        query += "&fieldSelector=";
        append_encoded(query, field_selector);
    }
    return query;
}

}  // namespace pgw::kube
