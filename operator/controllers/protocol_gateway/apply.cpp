// Applying.
#include "operator/controllers/protocol_gateway/apply.hpp"

#include "operator/resources/contains.hpp"

namespace pgw::controllers {

namespace annotation = resources::annotation;
using resources::text_at;

namespace {

ensure_result conflict_with(child_kind kind, const std::string& name) {
    return {
        ensured::conflict,
        std::string(type_of(kind).kind) + " '" + name +
            "' exists and does not belong to this gateway; rename one of them"
    };
}

// A body that does not fit the schema is a 500 to server-side apply, in these words.
bool is_misfit(const kube::error& error) {
    return error.message.starts_with("failed to create typed patch object");
}

ensure_result failure(const kube::error& error) {
    if (is_misfit(error)) return {ensured::rejected, error.message};
    switch (error.kind) {
        case kube::error_kind::namespace_ends:
            return {ensured::ending, {}};
        case kube::error_kind::invalid:
            return {ensured::rejected, error.message};
        default:
            return {ensured::failed, kube::to_string(error)};
    }
}

}  // namespace

void applier::verify(
    const std::string& key, child_kind kind, const std::string& name, std::string inputs
) {
    auto* entry = cache_.find(key);
    auto* held = entry == nullptr ? nullptr : entry->find(kind, name);
    if (held == nullptr) return;
    held->verified = held->content;
    held->inputs = std::move(inputs);
}

kube::awaitable<ensure_result> applier::ensure(
    resources::gateway_ref owner, child_kind kind, json::object desired, std::string inputs
) {
    const auto key = owner.key();
    const std::string name(text_at(desired, {"metadata", "name"}));
    const auto intent = resources::hash_text(resources::canonical(desired));
    auto& metadata = desired["metadata"].as_object();
    if (!metadata["annotations"].is_object()) metadata["annotations"].emplace_object();
    metadata["annotations"].as_object()[annotation::intent] = intent;

    std::string uid;
    auto* entry = cache_.find(key);
    const auto* held = entry == nullptr ? nullptr : entry->find(kind, name);
    if (held != nullptr) {
        if (held->owner_uid != owner.uid) co_return conflict_with(kind, name);
        if (held->deleting) co_return ensure_result{ensured::failed, name + " is being deleted"};
        if (held->intent == intent && held->verified == held->content) {
            co_return ensure_result{};
        }
        uid = held->uid;
    }
    if (held == nullptr || held->intent == intent) {
        auto found = co_await client_.get(type_of(kind), owner.ns, name);
        if (found) {
            // Somebody else's object is not kept: no watch of ours would tell of its end.
            const auto parsed = parse_child(kind, found->as_object());
            if (!parsed || parsed->owner_uid != owner.uid) co_return conflict_with(kind, name);
            cache_.store_child(key, kind, found->as_object());
            if (parsed->intent == intent && resources::contains(*found, desired)) {
                verify(key, kind, name, std::move(inputs));
                co_return ensure_result{};
            }
            uid = parsed->uid;
        } else if (found.error().kind != kube::error_kind::not_found) {
            co_return failure(found.error());
        } else {
            uid.clear();
        }
    }
    co_return co_await write(
        std::move(owner), kind, std::move(desired), std::move(uid), std::move(inputs)
    );
}

kube::awaitable<ensure_result> applier::write(
    resources::gateway_ref owner,
    child_kind kind,
    json::object desired,
    std::string uid,
    std::string inputs
) {
    const std::string name(text_at(desired, {"metadata", "name"}));
    // With its uid nothing but this very object can be written.
    if (!uid.empty()) desired["metadata"].as_object()["uid"] = uid;
    kube::apply_options options;
    options.field_manager = resources::field_manager;
    options.strict = true;
    ++writes_;
    auto applied = co_await client_.apply(type_of(kind), owner.ns, name, desired, options);
    if (!applied && applied.error().kind == kube::error_kind::invalid && !uid.empty() &&
        kind != child_kind::deployment && desired.contains("spec")) {
        // Items of a list that somebody else has put beside ours may contradict them, and an apply
        // leaves them: a merge patch replaces whole lists.
        json::object patch{{"metadata", {{"uid", uid}}}, {"spec", desired.at("spec")}};
        auto patched = co_await client_.patch(
            type_of(kind), owner.ns, name, kube::patch_type::merge, std::move(patch), options
        );
        if (patched) {
            applied = co_await client_.apply(type_of(kind), owner.ns, name, desired, options);
        }
    }
    if (!applied) co_return failure(applied.error());
    cache_.store_child(owner.key(), kind, applied->as_object());
    verify(owner.key(), kind, name, std::move(inputs));
    co_return ensure_result{uid.empty() ? ensured::created : ensured::updated, {}};
}

kube::awaitable<ensure_result> applier::remove(
    resources::gateway_ref owner, child_kind kind, std::string name
) {
    const auto key = owner.key();
    auto* entry = cache_.find(key);
    const auto* held = entry == nullptr ? nullptr : entry->find(kind, name);
    if (held == nullptr || held->deleting || held->owner_uid != owner.uid) {
        co_return ensure_result{};
    }
    kube::delete_options options;
    options.uid = held->uid;
    ++writes_;
    auto removed = co_await client_.remove(type_of(kind), owner.ns, name, options);
    if (!removed && removed.error().kind != kube::error_kind::not_found) {
        co_return failure(removed.error());
    }
    cache_.mark_deleting(key, kind, name);
    co_return ensure_result{ensured::updated, {}};
}

}  // namespace pgw::controllers
