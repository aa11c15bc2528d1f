// The view that checks bounds and syntaxes of single fields.
#include "common/manifest/judge/check.hpp"

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/model/fields.hpp"

namespace pgw::manifest {

namespace {

using problems = std::vector<problem>;

void report(problems& out, const std::string& path, std::optional<std::string> text) {
    if (text) out.push_back({path, std::move(*text), 0, 0});
}

template <described T>
void check_object(problems& out, const std::string& path, const T& value);

template <std::integral T>
void check_value(problems& out, const std::string& path, T value, const number_rule& rule) {
    report(out, path, violation(rule, static_cast<std::int64_t>(value)));
}

template <std::unsigned_integral T>
void check_value(problems& out, const std::string& path, T value, const size_rule& rule) {
    report(out, path, violation(rule, value));
}

void check_value(
    problems& out, const std::string& path, base::milliseconds value, const time_rule& rule
) {
    report(out, path, violation(rule, value));
}

void check_value(
    problems& out, const std::string& path, const std::string& value, const text_rule& rule
) {
    report(out, path, violation(rule, value));
}

void check_value(problems& out, const std::string& path, const endpoint& value, const endpoint_rule&) {
    const auto parsed = parse_endpoint(print_endpoint(value));
    if (const auto* text = std::get_if<std::string>(&parsed)) report(out, path, *text);
}

template <class Enum>
    requires std::is_enum_v<Enum>
void check_value(problems& out, const std::string& path, Enum value, const no_rule&) {
    if (enum_text(value).empty()) report(out, path, "has no such value");
}

void check_value(
    problems& out, const std::string& path, const string_map& value, const map_rule& rule
) {
    report(out, path, violation(rule, value.size()));
    for (const auto& [key, text] : value) {
        report(out, below(path, key), check_entry(rule.kind, key, text));
    }
}

void check_value(
    problems& out, const std::string& path, const std::string& value, const object_rule& rule
) {
    report(out, path, violation(rule, value));
}

template <described T>
void check_value(problems& out, const std::string& path, const T& value, const no_rule&) {
    check_object(out, path, value);
}

template <class T, class ItemRule>
void check_value(
    problems& out,
    const std::string& path,
    const std::vector<T>& value,
    const list_rule<ItemRule>& rule
) {
    report(out, path, violation(rule, value.size()));
    for (std::size_t i = 0; i < value.size(); ++i) {
        check_value(out, at_index(path, i), value[i], rule.item);
    }
}

template <class T, class Rule>
void check_value(
    problems& out, const std::string& path, const std::optional<T>& value, const Rule& rule
) {
    if (value) check_value(out, path, *value, rule);
}

template <class Owner>
class checking_view {
public:
    checking_view(problems& out, std::string path, const Owner& owner)
        : out_(out), path_(std::move(path)), owner_(owner) {}

    template <class T, class Rule, class Only = always>
    void field(const field_info& info, T Owner::* member, const Rule& rule, const Only& only = {}) {
        if (!applies(owner_, only)) return;
        check_value(out_, below(path_, info.name), owner_.*member, rule);
    }
    template <class Describe, class Only = always>
    void group(const field_info& info, Describe describe, const Only& only = {}) {
        if (!applies(owner_, only)) return;
        checking_view inner(out_, below(path_, info.name), owner_);
        describe(inner);
    }
    void constant(const field_info&, std::string_view) {}
    void ignored(const field_info&) {}

private:
    problems& out_;
    std::string path_;
    const Owner& owner_;
};

template <described T>
void check_object(problems& out, const std::string& path, const T& value) {
    checking_view<T> view(out, path, value);
    schema<T>::describe(view);
}

}  // namespace

void check_fields(const gateway& gateway, std::vector<problem>& problems) {
    check_object(problems, "", gateway);
}

}  // namespace pgw::manifest
