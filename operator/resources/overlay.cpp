// The overlay.
#include "operator/resources/overlay.hpp"

#include <array>
#include <optional>

namespace pgw::resources {

namespace {

struct merged_list {
    std::string_view name;
    std::string_view key;
};
constexpr std::array merged_lists{
    merged_list{"containers", "name"},
    merged_list{"initContainers", "name"},
    merged_list{"env", "name"},
    merged_list{"volumes", "name"},
    merged_list{"imagePullSecrets", "name"},
    merged_list{"volumeMounts", "mountPath"},
    merged_list{"ports", "containerPort"}
};

const json::value* id_of(const json::value& item, std::string_view key) {
    const auto* object = item.if_object();
    return object == nullptr ? nullptr : object->if_contains(key);
}

void merge_items(json::array& base, const json::array& overlay, std::string_view key) {
    for (const auto& item : overlay) {
        const auto* id = id_of(item, key);
        json::value* target = nullptr;
        for (auto& candidate : base) {
            const auto* other = id_of(candidate, key);
            if (id != nullptr && other != nullptr && *id == *other) target = &candidate;
        }
        if (target != nullptr) {
            lay_over(*target, item);
        } else {
            base.push_back(item);
        }
    }
}

}  // namespace

void lay_over(json::value& base, const json::value& overlay) {
    const auto* members = overlay.if_object();
    if (members == nullptr || !base.is_object()) {
        base = overlay;
        return;
    }
    auto& object = base.get_object();
    for (const auto& [key, value] : *members) {
        if (value.is_null()) {
            object.erase(key);
            continue;
        }
        auto* found = object.if_contains(key);
        if (found == nullptr) {
            object[key] = value;
            continue;
        }
        const merged_list* list = nullptr;
        for (const auto& candidate : merged_lists) {
            if (candidate.name == key) list = &candidate;
        }
        if (list != nullptr && found->is_array() && value.is_array()) {
            merge_items(found->get_array(), value.get_array(), list->key);
        } else {
            lay_over(*found, value);
        }
    }
}

}  // namespace pgw::resources
