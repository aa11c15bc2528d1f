#include "common/manifest/project/differences.hpp"

#include "common/manifest/generate/to_json.hpp"

#include <optional>

namespace pgw::manifest {
namespace {

namespace json = boost::json;

struct marked_fields {
    std::set<std::string> live;
    std::set<std::string> operator_only;
};

template <class T>
struct inner_of {
    using type = T;
    static constexpr const char* suffix = "";
};
template <class T>
struct inner_of<std::optional<T>> : inner_of<T> {};
template <class T>
struct inner_of<std::vector<T>> {
    using type = T;
    static constexpr const char* suffix = "[]";
};

/// The view that collects paths by their marks. `live` counts where it stands at a single value.
template <class Owner>
class marks_view {
public:
    marks_view(marked_fields& out, std::string path) : out_(out), path_(std::move(path)) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::*, const Rule&, const Only& = {}) {
        const auto path = path_of(info);
        using inner = inner_of<T>;
        if (is_operators(info, path)) return;
        if constexpr (described<typename inner::type>) {
            marks_view<typename inner::type> deeper(out_, path + inner::suffix);
            schema<typename inner::type>::describe(deeper);
        } else if (info.change == field_change::live) {
            out_.live.insert(path);
        }
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& = {}) {
        const auto path = path_of(info);
        if (is_operators(info, path)) return;
        marks_view inner(out_, path);
        describe(inner);
    }
    void constant(const field_info&, std::string_view) {}
    void ignored(const field_info&) {}

private:
    std::string path_of(const field_info& info) const {
        return (path_.empty() ? path_ : path_ + ".") + std::string(info.name);
    }
    bool is_operators(const field_info& info, const std::string& path) {
        if (info.scope != field_scope::operator_only) return false;
        out_.operator_only.insert(path);
        return true;
    }

    marked_fields& out_;
    std::string path_;
};

marked_fields collect_marks() {
    marked_fields marks;
    marks_view<gateway> view(marks, {});
    schema<gateway>::describe(view);
    return marks;
}

/// Walks two printed specifications side by side.
class comparison {
public:
    std::vector<std::string> run(const gateway& from, const gateway& to) {
        compare(object_to_json(from), object_to_json(to), {}, {});
        return std::move(differences_);
    }

private:
    // `place` has list positions, `pattern` has none.
    void compare(
        const json::value& from,
        const json::value& to,
        const std::string& place,
        const std::string& pattern
    ) {
        if (marks_.live.contains(pattern) || marks_.operator_only.contains(pattern)) return;
        if (from == to) return;
        if (from.is_object() && to.is_object()) {
            compare(from.get_object(), to.get_object(), place, pattern);
        } else if (from.is_array() && to.is_array() && same_size(from, to)) {
            for (std::size_t i = 0; i < from.get_array().size(); ++i) {
                const auto position = "[" + std::to_string(i) + "]";
                compare(from.at(i), to.at(i), place + position, pattern + "[]");
            }
        } else {
            differences_.push_back(place);
        }
    }

    void compare(
        const json::object& from,
        const json::object& to,
        const std::string& place,
        const std::string& pattern
    ) {
        const auto child = [](const std::string& path, std::string_view key) {
            return (path.empty() ? path : path + ".") + std::string(key);
        };
        static const json::value none;
        for (const auto& [key, value] : from) {
            const auto* other = to.if_contains(key);
            compare(value, other ? *other : none, child(place, key), child(pattern, key));
        }
        for (const auto& [key, value] : to) {
            if (from.contains(key)) continue;
            compare(none, value, child(place, key), child(pattern, key));
        }
    }

    static bool same_size(const json::value& a, const json::value& b) {
        return a.get_array().size() == b.get_array().size();
    }

    marked_fields marks_ = collect_marks();
    std::vector<std::string> differences_;
};

}  // namespace

std::set<std::string> live_fields() {
    return collect_marks().live;
}

std::vector<std::string> roll_differences(const gateway& from, const gateway& to) {
    return comparison().run(from, to);
}

}  // namespace pgw::manifest
