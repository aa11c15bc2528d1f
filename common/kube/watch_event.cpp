// Objects from the network: nothing is taken for granted, whatever its place or type.
#include "common/kube/watch_event.hpp"

#include "common/kube/percent.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pgw::kube {

namespace {

constexpr std::int64_t longest_retry_after_seconds = 86'400;

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::int64_t number_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    const auto* number = value == nullptr ? nullptr : value->if_int64();
    return number == nullptr ? 0 : *number;
}

const json::object* object_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

bool is_too_large_version(const error& error, bool has_cause) {
    // Servers before 1.19 say it in words only.
    return has_cause || error.message.find("Too large resource version") != std::string::npos;
}

error_kind kind_of(const error& error, bool version_too_large, bool namespace_ends) {
    const auto& reason = error.reason;
    if (reason == "Expired" || reason == "Gone") return error_kind::expired;
    if (version_too_large) return error_kind::too_large_version;
    if (reason == "NotFound") return error_kind::not_found;
    if (reason == "AlreadyExists") return error_kind::already_exists;
    if (reason == "Conflict") return error_kind::conflict;
    if (reason == "TooManyRequests") return error_kind::throttled;
    switch (error.code) {
        case 400:
        case 422:
            return error_kind::invalid;
        case 401:
            return error_kind::unauthorized;
        case 403:
            return namespace_ends ? error_kind::namespace_ends : error_kind::forbidden;
        case 404:
            return error_kind::not_found;
        case 409:
            return error_kind::conflict;
        case 410:
            return error_kind::expired;
        case 429:
            return error_kind::throttled;
        default:
            break;
    }
    if (error.code >= 400 && error.code < 500) return error_kind::invalid;
    return error_kind::unavailable;
}

watch_event malformed(std::string what) {
    watch_event made;
    made.type = "ERROR";
    error& status = made.status.emplace();
    status.kind = error_kind::unavailable;
    status.message = std::move(what);
    return made;
}

}  // namespace

error decode_status(const json::object& status, int code) {
    error made;
    const auto said = number_of(status, "code");
    made.code = said >= 100 && said <= 599 ? static_cast<int>(said) : code;
    made.reason = text_of(status, "reason");
    made.message = text_of(status, "message");
    bool version_too_large = false;
    bool namespace_ends = false;
    if (const auto* details = object_of(status, "details")) {
        const auto seconds = number_of(*details, "retryAfterSeconds");
        if (seconds > 0) {
            made.retry_after = base::seconds{std::min(seconds, longest_retry_after_seconds)};
        }
        const auto* causes = details->if_contains("causes");
        if (const auto* list = causes == nullptr ? nullptr : causes->if_array()) {
            for (const auto& item : *list) {
                const auto* cause = item.if_object();
                if (cause == nullptr) continue;
                const auto reason = text_of(*cause, "reason");
                version_too_large |= reason == "ResourceVersionTooLarge";
                namespace_ends |= reason == "NamespaceTerminating";
                made.causes.push_back({text_of(*cause, "field"), text_of(*cause, "message")});
            }
        }
    }
    made.kind = kind_of(made, is_too_large_version(made, version_too_large), namespace_ends);
    return made;
}

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
    if (made.type == "ERROR") made.status = decode_status(*object);
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
