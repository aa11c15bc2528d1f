// The cache: one sink a collection puts what it is told where it belongs.
#include "operator/controllers/protocol_gateway/cache.hpp"

#include <algorithm>
#include <set>

namespace pgw::controllers {

using resources::text_at;

namespace {

std::string namespace_of(const json::object& object) {
    return std::string(text_at(object, {"metadata", "namespace"}));
}
std::string name_of(const json::object& object) {
    return std::string(text_at(object, {"metadata", "name"}));
}
std::string key_of(const std::string& ns, std::string_view name) {
    return ns + "/" + std::string(name);
}
std::string labelled_key(const json::object& object) {
    return key_of(
        namespace_of(object), text_at(object, {"metadata", "labels", resources::label::gateway})
    );
}
// Labels can be edited away, the owner hardly.
std::string owner_key(const json::object& object) {
    const auto owner = owning_gateway(object);
    return owner.empty() ? labelled_key(object) : key_of(namespace_of(object), owner);
}

template <class T, class Same>
T* find_in(std::vector<T>& items, Same same) {
    const auto found = std::find_if(items.begin(), items.end(), same);
    return found == items.end() ? nullptr : &*found;
}

// Replaces or adds; false when what is there is newer already.
template <class T, class Same>
bool put(std::vector<T>& items, T item, Same same) {
    auto* found = find_in(items, same);
    if (found == nullptr) {
        items.push_back(std::move(item));
        return true;
    }
    if (!not_older(item.resource_version, found->resource_version) ||
        item.resource_version == found->resource_version) {
        return false;
    }
    *found = std::move(item);
    return true;
}

}  // namespace

child* gateway_entry::find(child_kind kind, std::string_view name) {
    return find_in(children, [&](const child& c) { return c.kind == kind && c.name == name; });
}

const polled* gateway_entry::report_of(const std::string& pod_uid) const {
    for (const auto& report : reports) {
        if (report.pod_uid == pod_uid) return &report;
    }
    return nullptr;
}

bool gateway_entry::empty() const {
    return !record && children.empty() && pods.empty() && scalers.empty();
}

// What the four sinks share: a list ends with forgetting what was not listed. What stands for an
// object is `<key of its gateway>\n<name>`.
struct cache::sink : kube::reflector_sink {
    explicit sink(cache& c, std::string n) : owner(c), ns(std::move(n)) {}

    void on_list_begin() override { listed.clear(); }
    void on_listed(json::object&& object) override { listed.insert(take(object, cause::listed)); }
    void on_list_end() override {
        for (const auto& id : known()) {
            if (!listed.contains(id)) drop_id(id);
        }
        listed.clear();
    }
    void on_changed(json::object&& object) override { take(object, cause::changed); }
    void on_removed(json::object&& object) override {
        drop_id(key_for(object) + "\n" + name_of(object));
    }

    std::string take(const json::object& object, cause why) {
        auto key = key_for(object);
        const auto name = name_of(object);
        if (!key.empty() && store(key, object)) owner.on_dirty_(key, why);
        return key + "\n" + name;
    }
    void drop_id(const std::string& id) {
        const auto cut = id.find('\n');
        const auto key = id.substr(0, cut);
        if (owner.find(key) == nullptr) return;
        drop(key, id.substr(cut + 1));
        owner.erase_if_empty(key);
        owner.on_dirty_(key, cause::changed);
    }
    // The ids of everything in this sink's collection.
    std::vector<std::string> known() {
        std::vector<std::string> ids;
        for (auto& held : owner.entries_) {
            const auto& key = held.first;
            if (!ns.empty() && !key.starts_with(ns + "/")) continue;
            names(held.second, [&ids, &key](const std::string& name) {
                ids.push_back(key + "\n" + name);
            });
        }
        return ids;
    }

    virtual std::string key_for(const json::object& object) { return owner_key(object); }
    virtual bool store(const std::string& key, const json::object& object) = 0;
    virtual void drop(const std::string& key, const std::string& name) = 0;
    virtual void names(
        gateway_entry& entry, const std::function<void(const std::string&)>& each
    ) = 0;

    cache& owner;
    const std::string ns;
    std::set<std::string> listed;
};

struct cache::gateway_sink : cache::sink {
    using sink::sink;
    std::string key_for(const json::object& object) override {
        return key_of(namespace_of(object), name_of(object));
    }
    bool store(const std::string& key, const json::object& object) override {
        auto record = parse_gateway(object);
        auto& held = owner.entries_[key].record;
        if (held && held->ref.uid == record.ref.uid &&
            !not_older(record.resource_version, held->resource_version)) {
            return false;
        }
        // Our own status writes come back: they are no reason to look again.
        const bool same =
            held && held->ref.uid == record.ref.uid && held->generation == record.generation &&
            held->status == record.status && held->paused == record.paused &&
            held->restarted_at == record.restarted_at && held->deleting == record.deleting;
        held = std::move(record);
        return !same;
    }
    void drop(const std::string& key, const std::string&) override {
        owner.entries_[key].record.reset();
        owner.entries_[key].reports.clear();
    }
    void names(gateway_entry& entry, const std::function<void(const std::string&)>& each) override {
        if (entry.record) each(entry.record->ref.name);
    }
};

struct cache::child_sink : cache::sink {
    child_sink(cache& c, std::string n, child_kind k) : sink(c, std::move(n)), kind(k) {}
    bool store(const std::string& key, const json::object& object) override {
        auto parsed = parse_child(kind, object);
        if (!parsed) return false;
        auto& children = owner.entries_[key].children;
        const auto same = [&](const child& c) { return c.kind == kind && c.name == parsed->name; };
        bool is_news = true;
        if (const auto* held = find_in(children, same); held && held->uid == parsed->uid) {
            parsed->verified = held->verified;
            parsed->inputs = held->inputs;
            is_news = held->content != parsed->content || held->deleting != parsed->deleting ||
                      kind == child_kind::deployment;
        }
        return put(children, *parsed, same) && is_news;
    }
    void drop(const std::string& key, const std::string& name) override {
        std::erase_if(owner.entries_[key].children, [&](const child& c) {
            return c.kind == kind && c.name == name;
        });
    }
    void names(gateway_entry& entry, const std::function<void(const std::string&)>& each) override {
        for (const auto& c : entry.children) {
            if (c.kind == kind) each(c.name);
        }
    }
    const child_kind kind;
};

struct cache::pod_sink : cache::sink {
    using sink::sink;
    bool store(const std::string& key, const json::object& object) override {
        auto parsed = parse_pod(object);
        if (!parsed) return false;
        return put(owner.entries_[key].pods, *parsed, [&](const pod& p) {
            return p.name == parsed->name;
        });
    }
    void drop(const std::string& key, const std::string& name) override {
        auto& entry = owner.entries_[key];
        std::erase_if(entry.pods, [&](const pod& p) {
            if (p.name != name) return false;
            std::erase_if(entry.reports, [&](const polled& r) { return r.pod_uid == p.uid; });
            return true;
        });
    }
    void names(gateway_entry& entry, const std::function<void(const std::string&)>& each) override {
        for (const auto& p : entry.pods) each(p.name);
    }
};

struct cache::scaler_sink : cache::sink {
    using sink::sink;
    std::string key_for(const json::object& object) override {
        std::string gateway;
        if (!parse_scaler(object, gateway)) return {};
        return key_of(namespace_of(object), gateway);
    }
    bool store(const std::string& key, const json::object& object) override {
        std::string gateway;
        auto parsed = parse_scaler(object, gateway);
        if (!parsed) return false;
        auto& scalers = owner.entries_[key].scalers;
        const auto same = [&](const scaler& s) { return s.name == parsed->name; };
        // Its status changes all the time.
        const bool is_news = find_in(scalers, same) == nullptr;
        return put(scalers, *parsed, same) && is_news;
    }
    void drop(const std::string& key, const std::string& name) override {
        std::erase_if(owner.entries_[key].scalers, [&](const scaler& s) { return s.name == name; });
    }
    void names(gateway_entry& entry, const std::function<void(const std::string&)>& each) override {
        for (const auto& s : entry.scalers) each(s.name);
    }
};

cache::cache(dirty_handler on_dirty) : on_dirty_(std::move(on_dirty)) {}
cache::~cache() = default;

kube::reflector_sink& cache::gateways(const std::string& ns) {
    return *sinks_.emplace_back(std::make_unique<gateway_sink>(*this, ns));
}
kube::reflector_sink& cache::children(child_kind kind, const std::string& ns) {
    return *sinks_.emplace_back(std::make_unique<child_sink>(*this, ns, kind));
}
kube::reflector_sink& cache::pods(const std::string& ns) {
    return *sinks_.emplace_back(std::make_unique<pod_sink>(*this, ns));
}
kube::reflector_sink& cache::scalers(const std::string& ns) {
    return *sinks_.emplace_back(std::make_unique<scaler_sink>(*this, ns));
}

gateway_entry* cache::find(const std::string& key) {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
}

std::size_t cache::gateways() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(),
        entries_.end(),
        [](const auto& item) { return item.second.record.has_value(); }
    ));
}

child* cache::store_child(const std::string& key, child_kind kind, const json::object& object) {
    auto parsed = parse_child(kind, object);
    if (!parsed) return nullptr;
    auto& children = entries_[key].children;
    const auto same = [&](const child& c) { return c.kind == kind && c.name == parsed->name; };
    put(children, *parsed, same);
    return find_in(children, same);
}

void cache::mark_deleting(const std::string& key, child_kind kind, const std::string& name) {
    auto* entry = find(key);
    if (entry == nullptr) return;
    if (auto* held = entry->find(kind, name)) held->deleting = true;
}

void cache::store_gateway(const json::object& object) {
    auto* entry = find(key_of(namespace_of(object), name_of(object)));
    if (entry == nullptr || !entry->record) return;
    auto record = parse_gateway(object);
    if (record.ref.uid == entry->record->ref.uid &&
        not_older(record.resource_version, entry->record->resource_version)) {
        entry->record = std::move(record);
    }
}

void cache::store_report(const std::string& key, polled report) {
    auto* entry = find(key);
    if (entry == nullptr) return;
    const auto same = [&](const polled& r) { return r.pod_uid == report.pod_uid; };
    if (auto* held = find_in(entry->reports, same)) {
        *held = std::move(report);
    } else {
        entry->reports.push_back(std::move(report));
    }
}

void cache::erase_if_empty(const std::string& key) {
    const auto found = entries_.find(key);
    if (found != entries_.end() && found->second.empty()) entries_.erase(found);
}

}  // namespace pgw::controllers
