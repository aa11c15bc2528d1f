// The view that reads: a tree of nodes into the structs, by the field tables.
#include "common/manifest/read/read.hpp"

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/judge/validate.hpp"
#include "common/manifest/model/fields.hpp"
#include "common/manifest/read/document.hpp"
#include "common/manifest/read/reading.hpp"
#include "common/manifest/text/suggest.hpp"

#include <algorithm>
#include <tuple>

namespace pgw::manifest {

namespace {

template <class T>
void read_object(reading& r, const node& n, const std::string& path, T& out);

template <described T>
void read_value(reading& r, const node& n, const std::string& path, T& out, const no_rule&) {
    read_object(r, n, path, out);
}

template <class T, class ItemRule>
void read_value(
    reading& r,
    const node& n,
    const std::string& path,
    std::vector<T>& out,
    const list_rule<ItemRule>& rule
) {
    if (!expect(r, n, path, node::kind_type::list)) return;
    if (auto text = violation(rule, n.items.size())) {
        r.report(path, std::move(*text), n.mark);
        if (n.items.size() > rule.maximum) return;
    }
    for (std::size_t i = 0; i < n.items.size(); ++i) {
        const auto item_path = at_index(path, i);
        r.places[item_path] = n.items[i].mark;
        read_value(r, n.items[i], item_path, out.emplace_back(), rule.item);
    }
}

template <class T, class Rule>
void read_value(
    reading& r, const node& n, const std::string& path, std::optional<T>& out, const Rule& rule
) {
    read_value(r, n, path, out.emplace(), rule);
}

// One object of the manifest and the struct its fields go to.
template <class Owner>
class reading_view {
public:
    reading_view(reading& r, const node& object, std::string path, Owner& owner)
        : r_(r), object_(object), path_(std::move(path)), owner_(owner) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::* member, const Rule& rule, const Only& only = {}) {
        if (const auto* found = look_up(info, only)) {
            read_value(r_, found->value, below(path_, info.name), owner_.*member, rule);
        }
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& only = {}) {
        const auto* const found = look_up(info, only);
        if (found == nullptr) return;
        const auto path = below(path_, info.name);
        if (!expect(r_, found->value, path, node::kind_type::object)) return;
        reading_view inner(r_, found->value, path, owner_);
        describe(inner);
        inner.refuse_unknown();
    }
    void constant(const field_info& info, std::string_view expected) {
        const auto* const found = look_up(info, always{});
        if (found == nullptr || (found->value.is_scalar() && found->value.scalar == expected))
            return;
        r_.report(below(path_, info.name), "must be " + std::string(expected), found->value.mark);
    }
    void ignored(const field_info& info) { known_.push_back(info.name); }

    void refuse_unknown() {
        for (const auto& m : object_.members) {
            if (std::find(known_.begin(), known_.end(), m.key) != known_.end()) continue;
            auto key = in_quotes(m.key);
            r_.report(
                below(path_, std::string_view(key).substr(1, key.rfind('\'') - 1)),
                "is not a known field" + suggestion(m.key, known_),
                m.mark
            );
        }
    }

private:
    template <class Only>
    const member* look_up(const field_info& info, const Only& only) {
        const bool belongs = applies(owner_, only);
        if (belongs) known_.push_back(info.name);
        const auto* const found = object_.find(info.name);
        const auto path = below(path_, info.name);
        if (found == nullptr) {
            if (info.required && belongs) r_.report(path, "is required", object_.mark);
            return nullptr;
        }
        r_.places[path] = found->value.mark;
        if (found->value.kind == node::kind_type::null) {
            if (!belongs) known_.push_back(info.name);
            refuse_null(r_, found->value, path);
            return nullptr;
        }
        if (belongs) return found;
        if constexpr (!std::is_same_v<Only, always>) {
            known_.push_back(info.name);
            // Nobody knows to which alternative it belongs when the type could not be read.
            if (r_.faulty.contains(below(path_, "type"))) return nullptr;
            r_.report(
                path, "belongs to type " + std::string(enum_text(only.value)) + " only", found->mark
            );
        }
        return nullptr;
    }

    reading& r_;
    const node& object_;
    std::string path_;
    Owner& owner_;
    std::vector<std::string_view> known_;
};

template <class T>
void read_object(reading& r, const node& n, const std::string& path, T& out) {
    if (!expect(r, n, path, node::kind_type::object)) return;
    reading_view<T> view(r, n, path, out);
    schema<T>::describe(view);
    view.refuse_unknown();
}

// Shortens a path to what is above it: `a.b[1]` → `a.b` → `a`. False at the top.
bool to_parent(std::string& path) {
    const auto cut = path.find_last_of(".[");
    if (cut == std::string::npos) return false;
    path.resize(cut);
    return true;
}

// The place of a path, or of the nearest thing above it that stands in the manifest.
mark place_of(const reading& r, std::string path) {
    do {
        if (const auto found = r.places.find(path); found != r.places.end()) return found->second;
    } while (to_parent(path));
    return {};
}

// Whether a rule that trips at `path` only repeats that something at, above or below it could not
// be read. Much depends on what cannot be read when it is the type of a union.
bool is_explained(const std::set<std::string, std::less<>>& unreadable, std::string path) {
    for (const char* separator : {".", "["}) {
        const auto prefix = path + separator;
        const auto next = unreadable.lower_bound(prefix);
        if (next != unreadable.end() && next->starts_with(prefix)) return true;
    }
    do {
        if (unreadable.contains(path) || unreadable.contains(path + ".type")) return true;
    } while (to_parent(path));
    return unreadable.contains("");
}

// The members of unions that have nothing but defaults may be left out.
void set_chosen_members(gateway& g) {
    for (auto& up : g.upstreams) {
        if (up.type == upstream_type::embedded && !up.embedded) up.embedded.emplace();
    }
    if (g.monitoring.type == monitoring_type::pod_monitor && !g.monitoring.pod_monitor) {
        g.monitoring.pod_monitor.emplace();
    }
    if (g.network_policy.type == network_policy_type::managed && !g.network_policy.managed) {
        g.network_policy.managed.emplace();
    }
}

read_result read_gateway(std::string_view text) {
    auto document = parse_document(text);
    if (auto* problems = std::get_if<std::vector<problem>>(&document)) return std::move(*problems);

    reading r;
    gateway result;
    read_object(r, std::get<node>(document), "", result);
    set_chosen_members(result);

    // What could not be read has its default now: a rule that trips over that would only repeat the
    // problem.
    for (auto& p : validate(result)) {
        if (is_explained(r.faulty, p.path)) continue;
        const auto at = place_of(r, p.path);
        p.line = at.line;
        p.column = at.column;
        r.problems.push_back(std::move(p));
    }
    if (r.problems.empty()) return result;
    std::sort(r.problems.begin(), r.problems.end(), [](const problem& a, const problem& b) {
        return std::tie(a.line, a.column, a.path, a.text) <
               std::tie(b.line, b.column, b.path, b.text);
    });
    return std::move(r.problems);
}

}  // namespace

read_result read_manifest(std::string_view text) {
    try {
        return read_gateway(text);
    } catch (const std::exception& error) {
        return std::vector{problem{{}, std::string("cannot be read: ") + error.what(), 0, 0}};
    }
}

}  // namespace pgw::manifest
