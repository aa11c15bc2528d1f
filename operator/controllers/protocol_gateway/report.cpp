// Reading /status.
#include "operator/controllers/protocol_gateway/report.hpp"

#include "operator/resources/canonical.hpp"

namespace pgw::controllers {

namespace json = boost::json;
using resources::find;
using resources::number_at;
using resources::text_at;

namespace {

constexpr std::size_t most = 64;

bool is_true(const json::object& object, std::string_view key) {
    const auto* found = object.if_contains(json::string_view(key.data(), key.size()));
    return found != nullptr && found->is_bool() && found->get_bool();
}

void read_upstreams(const json::object& status, worker_report& report) {
    const auto* upstreams = find(status, {"upstreams"});
    if (upstreams == nullptr || !upstreams->is_object()) return;
    for (const auto& [name, value] : upstreams->get_object()) {
        const auto* object = value.if_object();
        if (object == nullptr || report.upstreams.size() == most) continue;
        const auto connections = number_at(*object, {"connections"});
        upstream_report upstream;
        upstream.name = name;
        upstream.routed = is_true(*object, "routed");
        upstream.reachable = connections > 0 && is_true(*object, "linksReady") &&
                             number_at(*object, {"connected"}) == connections;
        upstream.error = text_at(*object, {"error"});
        report.upstreams.push_back(std::move(upstream));
    }
}

void read_missing(const json::object& status, worker_report& report) {
    const auto* missing = find(status, {"missing"});
    if (missing == nullptr || !missing->is_array()) return;
    for (const auto& item : missing->get_array()) {
        const auto* object = item.if_object();
        if (object == nullptr || report.missing.size() == most) continue;
        missing_reference reference;
        reference.path = text_at(*object, {"path"});
        reference.text = "Secret '" + std::string(text_at(*object, {"secret"})) + "', key '" +
                         std::string(text_at(*object, {"key"})) +
                         "': " + std::string(text_at(*object, {"problem"}));
        report.missing.push_back(std::move(reference));
    }
}

}  // namespace

std::optional<bool> worker_report::upstreams_reachable() const {
    std::optional<bool> all;
    for (const auto& upstream : upstreams) {
        if (upstream.routed) all = all.value_or(true) && upstream.reachable;
    }
    return all;
}

std::optional<worker_report> parse_report(std::string_view text) {
    boost::system::error_code error;
    const auto parsed = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !parsed.is_object()) return std::nullopt;
    const auto& status = parsed.get_object();
    if (text_at(status, {"stage"}).empty()) return std::nullopt;
    worker_report report;
    report.version = text_at(status, {"version"});
    report.revision = text_at(status, {"revision"});
    report.config_hash = text_at(status, {"configHash"});
    report.config_problem = text_at(status, {"configProblem"});
    report.clients = number_at(status, {"clients"});
    report.earliest_certificate_expiry = number_at(status, {"earliestCertificateExpiry"});
    read_upstreams(status, report);
    read_missing(status, report);
    return report;
}

}  // namespace pgw::controllers
