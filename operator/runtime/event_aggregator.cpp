// The Event's JSON, and the table of series with what each waits for.
#include "operator/runtime/event_aggregator.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

namespace pgw::runtime {

namespace json = boost::json;

namespace {

// The limits of the API's validation.
constexpr std::size_t note_limit = 1'024;
constexpr std::size_t word_limit = 128;
constexpr std::size_t name_limit = 253;

using identity = std::tuple<
    bool,
    std::string,
    std::string,
    std::string,
    std::string,
    std::string,
    std::string,
    std::string>;

identity identity_of(const event& e) {
    const auto& r = e.regarding;
    return {e.warning, e.reason, e.action, r.api_version, r.kind, r.ns, r.name, r.uid};
}

// `<name>.<hex>`, within what a name may be.
std::string event_name(const std::string& object, std::uint64_t number) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    const std::string suffix(digits.data(), end);
    auto stem = object.substr(0, name_limit - 1 - suffix.size());
    while (!stem.empty() && (stem.back() == '.' || stem.back() == '-')) stem.pop_back();
    return (stem.empty() ? "event" : stem) + "." + suffix;
}

json::object reference(const object_reference& r) {
    json::object made;
    const auto put = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) made[key] = value;
    };
    put("apiVersion", r.api_version);
    put("kind", r.kind);
    put("namespace", r.ns);
    put("name", r.name);
    put("uid", r.uid);
    put("resourceVersion", r.resource_version);
    return made;
}

}  // namespace

std::string cut_text(std::string text, std::size_t limit) {
    if (text.size() <= limit) return text;
    const auto continues = [&](std::size_t i) {
        return (static_cast<unsigned char>(text[i]) & 0xc0U) == 0x80U;
    };
    while (limit > 0 && continues(limit)) --limit;
    text.resize(limit);
    return text;
}

json::object event_write::patch() const {
    return {{"series", object.at("series")}};
}

struct event_aggregator::impl {
    struct entry {
        event_write written;  // As it was last, `create` aside.
        std::int64_t count = 1;
        std::int64_t counted = 0;  // Of these not written.
        wall_time last_wall;
        base::time_point last_at{};
        base::time_point written_at{};
        std::uint64_t turn = 0;
        base::time_point due{};
    };
    using table = std::map<identity, entry>;

    explicit impl(options o) : settings(std::move(o)) {
        settings.instance = cut_text(std::move(settings.instance), word_limit);
    }

    json::object object_of(
        const event& e, const std::string& ns, const std::string& name, wall_time
    );
    event_write write_series(entry& it, base::time_point now);
    void schedule(table::iterator it);
    void unschedule(const entry& it) { waiting.erase({it.due, it.turn}); }
    void end(table::iterator it, base::time_point now, std::vector<event_write>& writes);

    options settings;
    table entries;
    std::map<std::pair<base::time_point, std::uint64_t>, table::iterator> waiting;
    std::uint64_t turns = 0;
    std::uint64_t last_number = 0;  // Of names.
};

json::object event_aggregator::impl::object_of(
    const event& e, const std::string& ns, const std::string& name, wall_time wall
) {
    return {
        {"apiVersion", "events.k8s.io/v1"},
        {"kind", "Event"},
        {"metadata", {{"name", name}, {"namespace", ns}}},
        {"eventTime", micro_time(wall)},
        {"reportingController", settings.controller},
        {"reportingInstance", settings.instance},
        {"action", cut_text(e.action, word_limit)},
        {"reason", cut_text(e.reason, word_limit)},
        {"regarding", reference(e.regarding)},
        {"note", cut_text(e.note, note_limit)},
        {"type", e.warning ? "Warning" : "Normal"}
    };
}

event_write event_aggregator::impl::write_series(entry& it, base::time_point now) {
    it.written.create = false;
    it.written.object["series"] = {
        {"count", it.count}, {"lastObservedTime", micro_time(it.last_wall)}
    };
    it.counted = 0;
    it.written_at = now;
    return it.written;
}

void event_aggregator::impl::schedule(table::iterator it) {
    auto& e = it->second;
    e.due = e.last_at + settings.silence;
    if (e.counted > 0) e.due = std::min(e.due, e.written_at + settings.refresh);
    e.turn = ++turns;
    waiting.emplace(std::pair{e.due, e.turn}, it);
}

void event_aggregator::impl::end(
    table::iterator it, base::time_point now, std::vector<event_write>& writes
) {
    unschedule(it->second);
    if (it->second.counted > 0) writes.push_back(write_series(it->second, now));
    entries.erase(it);
}

event_aggregator::event_aggregator(options settings)
    : impl_(std::make_unique<impl>(std::move(settings))) {}

event_aggregator::~event_aggregator() = default;

std::vector<event_write> event_aggregator::on_event(
    const event& what, base::time_point now, wall_time wall
) {
    std::vector<event_write> writes = on_time(now);
    auto key = identity_of(what);
    auto found = impl_->entries.find(key);
    if (found == impl_->entries.end()) {
        if (!impl_->waiting.empty() && impl_->entries.size() >= impl_->settings.max_series) {
            impl_->end(impl_->waiting.begin()->second, now, writes);
        }
        found = impl_->entries.try_emplace(std::move(key)).first;
        // Two events of one moment have two names.
        const auto nanoseconds =
            std::chrono::duration_cast<std::chrono::nanoseconds>(wall.time_since_epoch()).count();
        impl_->last_number =
            std::max(impl_->last_number + 1, static_cast<std::uint64_t>(nanoseconds));
        auto& write = found->second.written;
        write.ns = what.regarding.ns.empty() ? "default" : what.regarding.ns;
        write.name = event_name(what.regarding.name, impl_->last_number);
        write.object = impl_->object_of(what, write.ns, write.name, wall);
        found->second.last_at = now;
        found->second.last_wall = wall;
        found->second.written_at = now;
        writes.push_back(write);
    } else {
        auto& it = found->second;
        impl_->unschedule(it);
        ++it.count;
        ++it.counted;
        it.last_at = now;
        it.last_wall = wall;
        if (it.count == 2) writes.push_back(impl_->write_series(it, now));
    }
    impl_->schedule(found);
    return writes;
}

std::vector<event_write> event_aggregator::on_time(base::time_point now) {
    std::vector<event_write> writes;
    while (!impl_->waiting.empty() && impl_->waiting.begin()->first.first <= now) {
        const auto it = impl_->waiting.begin()->second;
        if (it->second.last_at + impl_->settings.silence <= now) {
            impl_->end(it, now, writes);
            continue;
        }
        impl_->unschedule(it->second);
        writes.push_back(impl_->write_series(it->second, now));
        impl_->schedule(it);
    }
    return writes;
}

std::optional<base::time_point> event_aggregator::next() const {
    if (impl_->waiting.empty()) return std::nullopt;
    return impl_->waiting.begin()->first.first;
}

std::size_t event_aggregator::series() const {
    return impl_->entries.size();
}

}  // namespace pgw::runtime
