// The view that cuts: of a stored manifest what the rows with a mark say.
#include "common/manifest/project/project.hpp"

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/model/fields.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

namespace pgw::manifest {

namespace {

namespace json = boost::json;

enum class cut : std::uint8_t {
    worker_scope,  // rows of the operator's are left out with all below them
    roll_class,    // single values of class roll, and what is needed to hold them
};

template <class T>
struct item_of {
    using type = T;
};
template <class T>
struct item_of<std::optional<T>> : item_of<T> {};
template <class T>
struct item_of<std::vector<T>> : item_of<T> {};

template <described T>
json::object cut_object(const json::object& stored, cut by);

// A value of described structs, single or in a list.
template <described T>
json::value cut_value(const json::value& stored, cut by) {
    if (const auto* object = stored.if_object()) return cut_object<T>(*object, by);
    const auto* const array = stored.if_array();
    if (array == nullptr) return stored;
    json::array items;
    for (const auto& item : *array) items.push_back(cut_value<T>(item, by));
    return items;
}

bool is_empty(const json::value& value) {
    return (value.is_object() && value.get_object().empty()) ||
           (value.is_array() && value.get_array().empty());
}

template <class Owner>
class cutting_view {
public:
    cutting_view(const json::object& stored, json::object& out, cut by)
        : stored_(stored), out_(out), by_(by) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::*, const Rule&, const Only& = {}) {
        using item = typename item_of<T>::type;
        const auto* const found = look_up(info);
        if (found == nullptr) return;
        if constexpr (described<item>) {
            keep(info, cut_value<item>(*found, by_));
        } else if (by_ == cut::worker_scope || info.change == field_change::roll) {
            keep(info, *found);
        }
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& = {}) {
        const auto* const found = look_up(info);
        if (found == nullptr) return;
        const auto* const object = found->if_object();
        if (object == nullptr) return keep(info, *found);
        json::object members;
        cutting_view inner(*object, members, by_);
        describe(inner);
        keep(info, std::move(members));
    }
    void constant(const field_info& info, std::string_view) {
        if (const auto* const found = look_up(info)) keep(info, *found);
    }
    void ignored(const field_info&) {}

private:
    const json::value* look_up(const field_info& info) const {
        if (by_ == cut::worker_scope && info.scope != field_scope::worker) return nullptr;
        return stored_.if_contains(info.name);
    }

    // To a worker it is the same whether an empty object or list stands there or nothing.
    void keep(const field_info& info, json::value value) {
        if (by_ != cut::roll_class || !is_empty(value)) out_[info.name] = std::move(value);
    }

    const json::object& stored_;
    json::object& out_;
    cut by_;
};

template <described T>
json::object cut_object(const json::object& stored, cut by) {
    json::object out;
    cutting_view<T> view(stored, out, by);
    schema<T>::describe(view);
    return out;
}

json::value sorted(const json::value& value) {
    if (const auto* array = value.if_array()) {
        json::array items;
        for (const auto& item : *array) items.push_back(sorted(item));
        return items;
    }
    const auto* const object = value.if_object();
    if (object == nullptr) return value;
    std::map<std::string_view, const json::value*> members;
    for (const auto& member : *object) members.emplace(member.key(), &member.value());
    json::object result;
    for (const auto& [key, member] : members) result[key] = sorted(*member);
    return result;
}

class secret_collector {
public:
    void use(const std::string& path, const secret_ref& secret, std::vector<std::string> keys) {
        auto& entry = uses_.try_emplace(secret.name, path).first->second;
        entry.keys.insert(keys.begin(), keys.end());
    }
    void use(const std::string& path, const key_ref& ref) { use(path, {ref.name}, {ref.key}); }

    std::vector<secret_use> take() const {
        std::vector<secret_use> result;
        for (const auto& [name, entry] : uses_) {
            result.push_back({entry.path, name, {entry.keys.begin(), entry.keys.end()}});
        }
        return result;
    }

private:
    struct use_of_one {
        explicit use_of_one(std::string first_path) : path(std::move(first_path)) {}
        std::string path;
        std::set<std::string> keys;
    };

    std::map<std::string, use_of_one> uses_;
};

}  // namespace

json::object worker_manifest(const json::object& manifest) {
    return cut_object<gateway>(manifest, cut::worker_scope);
}

json::object roll_class(const json::object& manifest) {
    const auto kept = cut_object<gateway>(manifest, cut::roll_class);
    const auto* const spec = kept.if_contains("spec");
    if (spec == nullptr || !spec->is_object()) return {};
    return sorted(*spec).get_object();
}

std::vector<secret_use> secrets_of(const gateway& gateway) {
    secret_collector secrets;
    for (std::size_t i = 0; i < gateway.listeners.size(); ++i) {
        const auto& tls = gateway.listeners[i].tls;
        if (!tls) continue;
        const auto path = at_index("spec.listeners", i) + ".tls";
        secrets.use(path + ".secretRef", tls->secret, {"tls.crt", "tls.key"});
        if (tls->client_ca) secrets.use(path + ".clientAuth.caSecretRef", *tls->client_ca);
    }
    for (std::size_t i = 0; i < gateway.upstreams.size(); ++i) {
        const auto& up = gateway.upstreams[i];
        const auto path = at_index("spec.upstreams", i);
        if (up.sasl.secret) {
            secrets.use(path + ".sasl.secretRef", *up.sasl.secret, {"password", "username"});
        }
        if (!up.tls) continue;
        if (up.tls->secret) {
            secrets.use(path + ".tls.secretRef", *up.tls->secret, {"tls.crt", "tls.key"});
        }
        if (up.tls->ca) secrets.use(path + ".tls.caSecretRef", *up.tls->ca);
    }
    return secrets.take();
}

}  // namespace pgw::manifest
