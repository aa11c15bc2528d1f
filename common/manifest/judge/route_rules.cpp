// Checks publish routes.
#include "common/manifest/judge/route_rules.hpp"

#include "common/manifest/judge/rules.hpp"
#include "common/manifest/text/suggest.hpp"
#include "common/manifest/text/topic_template.hpp"

#include <algorithm>

namespace pgw::manifest {

namespace {

constexpr std::array<std::string_view, 2> reserved_prefixes{"mqtt-", "x-opt-"};
constexpr std::size_t max_property_name = 255;

// Checks the value templates of one route.
class route_checker {
public:
    route_checker(std::vector<problem>& out, std::string path, const publish_route& route)
        : out_(out), path_(std::move(path)), route_(route) {
        auto parsed = parse_topic_template(route.match_topic);
        if (auto* topic = std::get_if<topic_template>(&parsed)) {
            topic_ = std::move(*topic);
            is_topic_known_ = true;
        }
    }

    void check(const upstream* up) {
        check_topic();
        check_address("to.address", route_.address, up);
        check_value("to.subject", route_.subject);
        for (const auto& [name, value] : route_.properties) check_property(name, value);
        if (route_.on_refused.type == on_refused_type::dead_letter) {
            check_address(
                "onRefused.deadLetter.address", route_.on_refused.dead_letter_address, up
            );
        }
    }

private:
    void report(std::string_view field, std::string text) {
        out_.push_back({below(path_, field), std::move(text), 0, 0});
    }

    void check_topic() {
        for (const auto& name : topic_.variables()) {
            if (std::find(builtin_variables.begin(), builtin_variables.end(), name) ==
                builtin_variables.end()) {
                continue;
            }
            report("match.topic", in_quotes(name) + " is a built-in variable and cannot be bound");
        }
    }

    // The template's variables, all of them known; nothing when it does not parse (check_fields
    // says so).
    std::vector<std::string> check_value(std::string_view field, const std::string& text) {
        const auto parsed = parse_value_template(text);
        const auto* const value = std::get_if<value_template>(&parsed);
        if (value == nullptr || !is_topic_known_) return {};
        auto bound = topic_.variables();
        std::vector<std::string_view> known(bound.begin(), bound.end());
        known.insert(known.end(), builtin_variables.begin(), builtin_variables.end());
        for (const auto& name : value->variables()) {
            if (std::find(known.begin(), known.end(), name) != known.end()) continue;
            report(
                field,
                "variable " + in_quotes(name) + " is neither bound by match.topic nor built in" +
                    suggestion(name, known)
            );
        }
        return value->variables();
    }

    void check_address(std::string_view field, const std::string& text, const upstream* up) {
        if (text.empty()) return report(field, "must not be empty");
        const auto variables = check_value(field, text);
        if (variables.empty()) return;
        if (up != nullptr && up->type == upstream_type::rabbitmq) {
            report(
                field,
                "must not hold variables: RabbitMQ offers no anonymous terminus; name one address "
                "or use another upstream type"
            );
        }
        for (const auto& level : topic_.levels) {
            if (level.kind != template_level::kind_type::optional || !level.fallback.empty()) {
                continue;
            }
            const auto& name = level.pieces.front().text;
            if (std::find(variables.begin(), variables.end(), name) == variables.end()) continue;
            report(
                field,
                "variable " + in_quotes(name) + " may be empty; give it a default in match.topic"
            );
        }
    }

    void check_property(const std::string& name, const std::string& value) {
        const auto field = below("to.properties", name);
        if (name.empty() || name.size() > max_property_name) {
            report(field, "a property's name has 1 to 255 bytes");
        }
        for (const auto prefix : reserved_prefixes) {
            if (!name.starts_with(prefix)) continue;
            report(field, "names that begin with '" + std::string(prefix) + "' are reserved");
        }
        check_value(field, value);
    }

    std::vector<problem>& out_;
    std::string path_;
    const publish_route& route_;
    topic_template topic_;
    bool is_topic_known_ = false;
};

}  // namespace

void check_routes(const gateway& gateway, std::vector<problem>& problems) {
    std::vector<std::string_view> names;
    for (const auto& up : gateway.upstreams) names.push_back(up.name);
    for (std::size_t i = 0; i < gateway.routes.publish.size(); ++i) {
        const auto& route = gateway.routes.publish[i];
        const auto path = at_index("spec.routes.publish", i);
        const auto found = std::find(names.begin(), names.end(), route.upstream);
        const upstream* up = nullptr;
        if (found != names.end()) {
            up = &gateway.upstreams[static_cast<std::size_t>(found - names.begin())];
        } else {
            problems.push_back(
                {path + ".to.upstream",
                 "there is no upstream " + in_quotes(route.upstream) +
                     suggestion(route.upstream, names),
                 0,
                 0}
            );
        }
        route_checker(problems, path, route).check(up);
    }
}

}  // namespace pgw::manifest
