// Building the status.
#include "operator/controllers/protocol_gateway/status.hpp"

#include "operator/controllers/protocol_gateway/conditions.hpp"

#include <algorithm>
#include <cstdlib>

namespace pgw::controllers {

using resources::find;
using resources::number_at;
using resources::text_at;

namespace {

constexpr std::size_t longest_message = 1024;

const char* text_of(verdict v) {
    switch (v) {
        case verdict::yes:
            return "True";
        case verdict::no:
            return "False";
        case verdict::unknown:
            return "Unknown";
    }
    return "Unknown";
}

const json::object* find_named(
    const json::object& status, std::string_view list, std::string_view key, std::string_view name
) {
    const auto* items = find(status, {list});
    if (items == nullptr || !items->is_array()) return nullptr;
    for (const auto& item : items->get_array()) {
        const auto* object = item.if_object();
        if (object != nullptr && text_at(*object, {key}) == name) return object;
    }
    return nullptr;
}

json::array build_conditions(
    const status_input& input,
    std::uint32_t desired,
    const json::object& previous,
    const std::string& now_text
) {
    json::array list;
    for (const auto& judged : judge_conditions(input, desired)) {
        const auto* held = find_named(previous, "conditions", "type", judged.type);
        std::string since = now_text;
        if (held != nullptr && text_at(*held, {"status"}) == text_of(judged.status)) {
            since = text_at(*held, {"lastTransitionTime"});
        }
        list.push_back(
            {{"type", judged.type},
             {"status", text_of(judged.status)},
             {"reason", judged.reason},
             {"message", judged.message.substr(0, longest_message)},
             {"lastTransitionTime", since},
             {"observedGeneration", input.entry.record->generation}}
        );
    }
    return list;
}

const char* state_of(const status_input& input, const shard_view& shard) {
    const auto& retired = input.plan.retire;
    if (std::find(retired.begin(), retired.end(), shard.index) != retired.end()) return "Retiring";
    if (!shard.available) return "NotReady";
    if (!shard.settled || shard.revision != input.target) return "Updating";
    return "Ready";
}

json::array build_shards(
    const status_input& input, const json::object& previous, const std::string& now_text
) {
    json::array list;
    const auto& gateway = input.entry.record->ref.name;
    const auto add = [&](std::uint32_t index, const char* state, const std::string& revision) {
        const auto name = resources::deployment_name(gateway, index);
        const auto* held = find_named(previous, "shards", "name", name);
        std::string since = now_text;
        if (held != nullptr && text_at(*held, {"state"}) == state)
            since = text_at(*held, {"since"});
        list.push_back({{"name", name}, {"state", state}, {"revision", revision}, {"since", since}}
        );
    };
    for (const auto& shard : input.rollout.shards) {
        add(shard.index, state_of(input, shard), shard.revision);
    }
    for (const auto index : input.rollout.occupied) {
        const auto* held =
            find_named(previous, "shards", "name", resources::deployment_name(gateway, index));
        add(index, "Retiring", held == nullptr ? "" : std::string(text_at(*held, {"revision"})));
    }
    return list;
}

std::int64_t count_clients(const status_input& input) {
    std::int64_t clients = 0;
    for (const auto& shard : input.rollout.shards) clients += shard.clients;
    return clients;
}

json::array build_endpoints(const status_input& input) {
    json::array list;
    if (input.gateway == nullptr) return list;
    const auto& ref = input.entry.record->ref;
    for (const auto& listener : input.gateway->listeners) {
        list.push_back(
            {{"listener", listener.name},
             {"address", ref.name + "." + ref.ns + ".svc:" + std::to_string(listener.port)}}
        );
    }
    return list;
}

// The last revision that every shard had.
std::string current_revision(const status_input& input, const json::object& previous) {
    if (!input.plan.rolling && !input.rollout.stopped && !input.plan.put_back) return input.target;
    std::string held(text_at(previous, {"currentRevision"}));
    return held.empty() ? input.target : held;
}

std::string running_version(const gateway_entry& entry) {
    std::string lowest;
    for (const auto& p : entry.pods) {
        const auto* polled = entry.report_of(p.uid);
        if (polled == nullptr || !polled->report || p.terminating) continue;
        if (lowest.empty() || polled->report->version < lowest) lowest = polled->report->version;
    }
    return lowest;
}

// In one spelling: the API server may keep the items of keyed lists in another order.
std::string sorted(const json::object& status) {
    auto copy = status;
    for (const auto* list : {"conditions", "shards", "endpoints"}) {
        auto* items = copy.if_contains(list);
        if (items == nullptr || !items->is_array()) continue;
        std::vector<std::string> texts;
        for (const auto& item : items->get_array()) texts.push_back(resources::canonical(item));
        std::sort(texts.begin(), texts.end());
        *items = json::value_from(texts);
    }
    return resources::canonical(copy);
}

}  // namespace

json::object build_status(
    const status_input& input, const json::object& previous, const std::string& now_text
) {
    const auto& record = *input.entry.record;
    const auto& shards = input.rollout.shards;
    const auto desired = input.rollout.desired;
    const auto ready =
        std::count_if(shards.begin(), shards.end(), [](const auto& s) { return s.available; });
    const bool may_move = input.may_move_connections && connections_moved(input, previous);
    const auto connections =
        may_move ? count_clients(input) : number_at(previous, {"connections"}, 0);
    json::object worker{{"image", input.target_image}};
    if (const auto version = running_version(input.entry); !version.empty()) {
        worker["version"] = version;
    } else if (const auto held = text_at(previous, {"worker", "version"}); !held.empty()) {
        worker["version"] = std::string(held);
    }
    if (input.target_image != input.default_image) worker["availableVersion"] = input.version;
    return {
        {"observedGeneration", record.generation},
        {"replicas", shards.size()},
        {"readyReplicas", ready},
        {"selector", resources::pod_selector(record.ref.name)},
        {"currentRevision", current_revision(input, previous)},
        {"updateRevision", input.target},
        {"worker", std::move(worker)},
        {"connections", connections},
        {"endpoints", build_endpoints(input)},
        {"shards", build_shards(input, previous, now_text)},
        {"conditions", build_conditions(input, desired, previous, now_text)},
    };
}

bool connections_moved(const status_input& input, const json::object& previous) {
    const auto clients = count_clients(input);
    const auto before = number_at(previous, {"connections"}, -1);
    if (before < 0) return true;
    if (!all_asked(input.entry)) return false;
    return (before == 0) != (clients == 0) ||
           std::abs(clients - before) * 10 > std::max<std::int64_t>(before, 1);
}

bool status_differs(const json::object& previous, const json::object& next) {
    return sorted(previous) != sorted(next);
}

std::vector<transition> transitions(const json::object& previous, const json::object& next) {
    std::vector<transition> changed;
    for (const auto& item : next.at("conditions").as_array()) {
        const auto& now = item.as_object();
        const auto type = text_at(now, {"type"});
        const auto* held = find_named(previous, "conditions", "type", type);
        const auto before = held == nullptr ? std::string_view{} : text_at(*held, {"status"});
        if (before == text_at(now, {"status"})) continue;
        changed.push_back(
            {std::string(type),
             std::string(before),
             std::string(text_at(now, {"status"})),
             std::string(text_at(now, {"reason"})),
             std::string(text_at(now, {"message"}))}
        );
    }
    return changed;
}

}  // namespace pgw::controllers
