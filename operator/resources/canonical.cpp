// Canonical JSON.
#include "operator/resources/canonical.hpp"

#include "common/base/digits.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <vector>

namespace pgw::resources {

namespace {

void append(std::string& out, const json::value& value) {
    if (const auto* object = value.if_object()) {
        std::vector<std::string_view> keys;
        keys.reserve(object->size());
        for (const auto& member : *object) keys.push_back(member.key());
        std::sort(keys.begin(), keys.end());
        out += '{';
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (i > 0) out += ',';
            out += json::serialize(json::string_view(keys[i].data(), keys[i].size()));
            out += ':';
            append(out, object->at(keys[i]));
        }
        out += '}';
    } else if (const auto* array = value.if_array()) {
        out += '[';
        for (std::size_t i = 0; i < array->size(); ++i) {
            if (i > 0) out += ',';
            append(out, (*array)[i]);
        }
        out += ']';
    } else {
        out += json::serialize(value);
    }
}

// What the system writes into annotations without changing what the object says.
constexpr std::array bookkeeping{
    "deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"
};

}  // namespace

std::string canonical(const json::value& value) {
    std::string out;
    append(out, value);
    return out;
}

std::string hash_text(std::string_view text) {
    std::string out;
    base::append_hex(out, std::uint64_t{XXH64(text.data(), text.size(), 0)});
    return out;
}

std::uint64_t content_hash(const json::object& live) {
    json::object said;
    for (const auto& [key, value] : live) {
        if (key != "status" && key != "metadata") said[key] = value;
    }
    if (const auto* labels = find(live, {"metadata", "labels"})) said["labels"] = *labels;
    if (const auto* owners = find(live, {"metadata", "ownerReferences"})) said["owners"] = *owners;
    if (const auto* annotations = find(live, {"metadata", "annotations"});
        annotations != nullptr && annotations->is_object()) {
        auto kept = annotations->get_object();
        for (const auto* name : bookkeeping) kept.erase(name);
        said["annotations"] = std::move(kept);
    }
    const auto text = canonical(said);
    return XXH64(text.data(), text.size(), 0);
}

const json::value* find(const json::object& object, std::initializer_list<std::string_view> path) {
    const json::object* at = &object;
    const json::value* found = nullptr;
    for (const auto key : path) {
        if (at == nullptr) return nullptr;
        found = at->if_contains(json::string_view(key.data(), key.size()));
        if (found == nullptr) return nullptr;
        at = found->if_object();
    }
    return found;
}

std::string_view text_at(const json::object& object, std::initializer_list<std::string_view> path) {
    const auto* found = find(object, path);
    if (found == nullptr || !found->is_string()) return {};
    const auto& text = found->get_string();
    return {text.data(), text.size()};
}

std::int64_t number_at(
    const json::object& object, std::initializer_list<std::string_view> path, std::int64_t otherwise
) {
    const auto* found = find(object, path);
    return found != nullptr && found->is_int64() ? found->get_int64() : otherwise;
}

}  // namespace pgw::resources
