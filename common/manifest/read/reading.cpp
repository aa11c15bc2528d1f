// Reads what needs no template.
#include "common/manifest/read/reading.hpp"

#include "common/manifest/read/free_form.hpp"
#include "common/manifest/text/suggest.hpp"
#include "common/yaml/plain_scalar.hpp"

#include <utility>

namespace pgw::manifest {

namespace {

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

}  // namespace

bool expect(reading& r, const node& n, const std::string& path, node::kind_type kind) {
    if (n.kind == kind) return true;
    r.report(path, std::string("must be ") + name_of(kind) + ", not " + name_of(n.kind), n.mark);
    return false;
}

void refuse_null(reading& r, const node& n, const std::string& path) {
    r.report(path, "has no value; write one or leave the field out", n.mark);
}

bool expect_text(reading& r, const node& n, const std::string& path) {
    if (!n.is_scalar()) {
        r.report(path, std::string("must be text, not ") + name_of(n.kind), n.mark);
    } else if (n.kind == node::kind_type::plain &&
               yaml::classify_plain(n.scalar) != yaml::plain_type::text) {
        r.report(path, in_quotes(n.scalar) + " is not text; write it in quotes", n.mark);
    } else {
        return true;
    }
    return false;
}

bool is_integer(const node& n) {
    return n.kind == node::kind_type::plain &&
           yaml::classify_plain(n.scalar) == yaml::plain_type::integer;
}

void refuse_name(
    reading& r, const node& n, const std::string& path, std::span<const std::string_view> names
) {
    std::string text = n.is_scalar() ? in_quotes(n.scalar) + " is not one of " : "must be one of ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += i == 0 ? "" : ", ";
        text += names[i];
    }
    if (n.is_scalar()) text += suggestion(n.scalar, names);
    r.report(path, std::move(text), n.mark);
}

void read_value(
    reading& r, const node& n, const std::string& path, std::string& out, const text_rule& rule
) {
    if (expect_text(r, n, path)) accept(r, n, path, out, n.scalar, rule);
}

void read_value(
    reading& r, const node& n, const std::string& path, std::string& out, const object_rule& rule
) {
    if (!expect(r, n, path, node::kind_type::object)) return;
    std::vector<problem> problems;
    const auto text = free_form_text(n, path, problems);
    for (auto& p : problems) r.report(p.path, std::move(p.text), {p.line, p.column});
    if (problems.empty()) accept(r, n, path, out, text, rule);
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

void read_value(
    reading& r, const node& n, const std::string& path, string_map& out, const map_rule& rule
) {
    if (!expect(r, n, path, node::kind_type::object)) return;
    if (auto text = violation(rule, n.members.size())) {
        r.report(path, std::move(*text), n.mark);
        return;
    }
    for (const auto& m : n.members) {
        const auto member_path = below(path, m.key);
        r.places[member_path] = m.mark;
        if (m.value.kind == node::kind_type::null) {
            refuse_null(r, m.value, member_path);
            continue;
        }
        const bool is_number = rule.kind == map_kind::quantities && is_integer(m.value);
        if (!is_number && !expect_text(r, m.value, member_path)) continue;
        if (auto text = check_entry(rule.kind, m.key, m.value.scalar)) {
            r.report(member_path, std::move(*text), m.value.mark);
        } else {
            out.emplace_back(m.key, m.value.scalar);
        }
    }
}

}  // namespace pgw::manifest
