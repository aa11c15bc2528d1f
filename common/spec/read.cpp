// The view that reads: a tree of nodes into the structs, by the field tables.
#include "common/spec/read.hpp"

#include "common/spec/document.hpp"
#include "common/spec/fields.hpp"
#include "common/spec/rules.hpp"
#include "common/spec/suggest.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <tuple>

namespace pgw::spec {

namespace {

// Problems so far, and the place of everything that was read.
struct reading {
    std::vector<problem> problems;
    std::set<std::string, std::less<>> faulty;  // the paths of the problems
    std::map<std::string, mark, std::less<>> places;

    void report(const std::string& path, std::string text, mark at) {
        problems.push_back({path, std::move(text), at.line, at.column});
        faulty.insert(path);
    }
};

const char* name_of(node::kind_type kind) {
    switch (kind) {
        case node::kind_type::null:
            return "empty";
        case node::kind_type::plain:
        case node::kind_type::text:
            return "a scalar";
        case node::kind_type::list:
            return "a list";
        case node::kind_type::object:
            return "an object";
    }
    return "";
}

// Whether a plain scalar is a number or a truth value to a YAML 1.1 reader, which Kubernetes is.
bool is_typed(std::string_view text) {
    for (const std::string_view word : {"true", "false", "yes", "no", "on", "off", "y", "n"}) {
        if (text.size() == word.size() &&
            std::equal(text.begin(), text.end(), word.begin(), [](char a, char b) {
                return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
            })) {
            return true;
        }
    }
    auto digits = text;
    if (digits.starts_with('+') || digits.starts_with('-')) digits.remove_prefix(1);
    double ignored = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), ignored);
    if (end == digits.data() + digits.size() && error != std::errc::invalid_argument) return true;
    return digits.size() > 2 && digits[0] == '0' &&
           (digits[1] == 'x' || digits[1] == 'o' || digits[1] == 'b') &&
           digits.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

template <class T>
void read_object(reading& r, const node& n, const std::string& path, T& out);

bool expect(reading& r, const node& n, const std::string& path, node::kind_type kind) {
    if (n.kind == kind) return true;
    r.report(path, std::string("must be ") + name_of(kind) + ", not " + name_of(n.kind), n.mark);
    return false;
}

bool expect_text(reading& r, const node& n, const std::string& path) {
    if (!n.is_scalar()) {
        r.report(path, std::string("must be text, not ") + name_of(n.kind), n.mark);
    } else if (n.kind == node::kind_type::plain && is_typed(n.scalar)) {
        r.report(path, in_quotes(n.scalar) + " is not text; write it in quotes", n.mark);
    } else {
        return true;
    }
    return false;
}

// Stores the value if it obeys the rule.
template <class Target, class Value, class Rule>
void accept(
    reading& r, const node& n, const std::string& path, Target& out, Value value, const Rule& rule
) {
    if (auto text = violation(rule, value)) {
        r.report(path, std::move(*text), n.mark);
    } else {
        out = static_cast<Target>(value);
    }
}

template <std::integral T>
void read_value(
    reading& r, const node& n, const std::string& path, T& out, const number_rule& rule
) {
    std::int64_t value = 0;
    const auto* const end = n.scalar.data() + n.scalar.size();
    const auto parsed = std::from_chars(n.scalar.data(), end, value);
    if (n.kind == node::kind_type::plain && parsed.ec == std::errc::result_out_of_range) {
        r.report(path, in_quotes(n.scalar) + " is not in " + range_text(rule), n.mark);
    } else if (n.kind != node::kind_type::plain || parsed.ec != std::errc{} || parsed.ptr != end) {
        r.report(path, "must be a whole number without quotes", n.mark);
    } else {
        accept(r, n, path, out, value, rule);
    }
}

template <std::unsigned_integral T>
void read_value(reading& r, const node& n, const std::string& path, T& out, const size_rule& rule) {
    const auto value = n.is_scalar() ? parse_size(n.scalar) : std::nullopt;
    if (!value) {
        r.report(path, "must be a size such as 65536, 64Ki, 16Mi or 1G", n.mark);
    } else {
        accept(r, n, path, out, *value, rule);
    }
}

template <class Rep, class Period>
void read_value(
    reading& r,
    const node& n,
    const std::string& path,
    std::chrono::duration<Rep, Period>& out,
    const time_rule& rule
) {
    using target = std::chrono::duration<Rep, Period>;
    const auto value = n.is_scalar() ? parse_duration(n.scalar) : std::nullopt;
    if (!value) {
        r.report(path, "must be a duration with its unit, such as 250ms, 30s, 5m or 1m30s", n.mark);
    } else if (std::chrono::floor<target>(*value) != *value) {
        r.report(path, "must be a whole number of seconds", n.mark);
    } else if (auto text = violation(rule, *value)) {
        r.report(path, std::move(*text), n.mark);
    } else {
        out = std::chrono::floor<target>(*value);
    }
}

void read_value(
    reading& r, const node& n, const std::string& path, std::string& out, const text_rule& rule
) {
    if (expect_text(r, n, path)) accept(r, n, path, out, n.scalar, rule);
}

void read_value(reading& r, const node& n, const std::string& path, endpoint& out, const endpoint_rule&) {
    if (!expect_text(r, n, path)) return;
    auto parsed = parse_endpoint(n.scalar);
    if (auto* text = std::get_if<std::string>(&parsed)) {
        // Not quoted: it may hold a password.
        r.report(path, std::move(*text), n.mark);
    } else {
        out = std::get<endpoint>(std::move(parsed));
    }
}

template <class Enum>
    requires std::is_enum_v<Enum>
void read_value(reading& r, const node& n, const std::string& path, Enum& out, const no_rule&) {
    std::vector<std::string_view> names;
    for (const auto& row : enum_table<Enum>::rows) {
        if (n.is_scalar() && row.name == n.scalar) {
            out = row.value;
            return;
        }
        names.push_back(row.name);
    }
    std::string text = n.is_scalar() ? in_quotes(n.scalar) + " is not one of " : "must be one of ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += i == 0 ? "" : ", ";
        text += names[i];
    }
    if (n.is_scalar()) text += suggestion(n.scalar, names);
    r.report(path, std::move(text), n.mark);
}

void read_value(
    reading& r,
    const node& n,
    const std::string& path,
    std::vector<std::pair<std::string, std::string>>& out,
    const properties_rule& rule
) {
    if (!expect(r, n, path, node::kind_type::object)) return;
    if (n.members.size() > rule.maximum) {
        r.report(path, "has more than " + std::to_string(rule.maximum) + " members", n.mark);
        return;
    }
    for (const auto& m : n.members) {
        const auto member_path = below(path, m.key);
        r.places[member_path] = m.mark;
        std::string value;
        read_value(r, m.value, member_path, value, text_rule{text_kind::value_template});
        out.emplace_back(m.key, std::move(value));
    }
}

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

read_result read_gateway(std::string_view text) {
    auto document = parse_document(text);
    if (auto* problems = std::get_if<std::vector<problem>>(&document)) return std::move(*problems);

    reading r;
    gateway result;
    read_object(r, std::get<node>(document), "", result);
    for (auto& up : result.upstreams) {
        if (up.type == upstream_type::embedded && !up.embedded) up.embedded.emplace();
    }

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

std::string to_string(const problem& p) {
    std::string text = p.path.empty() ? "manifest" : p.path;
    text += ": ";
    text += p.text;
    if (p.line > 0) {
        text += " (line " + std::to_string(p.line) + ", column " + std::to_string(p.column) + ")";
    }
    return text;
}

}  // namespace pgw::spec
