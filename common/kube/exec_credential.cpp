// client.authentication.k8s.io/v1 and v1beta1, which do not differ in what is read here.
#include "common/kube/exec_credential.hpp"

#include "common/kube/base64.hpp"
#include "common/kube/server_url.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace pgw::kube {

namespace {

namespace json = boost::json;

constexpr std::size_t max_depth = 32;

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(json::string_view(key.data(), key.size()));
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

// A number of exactly so many digits at the front of the text, in its range.
std::optional<int> take_number(
    std::string_view& text, std::size_t digits, int lowest, int highest
) {
    if (text.size() < digits) return std::nullopt;
    int number = 0;
    const auto* const end = text.begin() + digits;
    const auto [stop, failure] = std::from_chars(text.begin(), end, number);
    if (failure != std::errc() || stop != end || text.front() == '-') return std::nullopt;
    if (number < lowest || number > highest) return std::nullopt;
    text.remove_prefix(digits);
    return number;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

bool holds_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    });
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view text) {
    using namespace std::chrono;
    const auto year = take_number(text, 4, 0, 9999);
    if (!year || !take(text, "-")) return std::nullopt;
    const auto month = take_number(text, 2, 1, 12);
    if (!month || !take(text, "-")) return std::nullopt;
    const auto day = take_number(text, 2, 1, 31);
    if (!day || !take(text, "Tt ")) return std::nullopt;
    const auto hour = take_number(text, 2, 0, 23);
    if (!hour || !take(text, ":")) return std::nullopt;
    const auto minute = take_number(text, 2, 0, 59);
    if (!minute || !take(text, ":")) return std::nullopt;
    const auto second = take_number(text, 2, 0, 60);
    if (!second) return std::nullopt;
    if (take(text, ".")) {
        const auto rest = text.find_first_not_of("0123456789");
        if (rest == 0 || rest == std::string_view::npos) return std::nullopt;
        text.remove_prefix(rest);
    }
    minutes offset{0};
    if (!take(text, "Zz")) {
        if (text.empty()) return std::nullopt;
        const bool ahead = text.front() == '+';
        if (!take(text, "+-")) return std::nullopt;
        const auto hours_off = take_number(text, 2, 0, 23);
        if (!hours_off || !take(text, ":")) return std::nullopt;
        const auto minutes_off = take_number(text, 2, 0, 59);
        if (!minutes_off) return std::nullopt;
        offset = minutes{*hours_off * 60 + *minutes_off} * (ahead ? 1 : -1);
    }
    if (!text.empty()) return std::nullopt;
    const year_month_day date{
        std::chrono::year{*year},
        std::chrono::month{static_cast<unsigned>(*month)},
        std::chrono::day{static_cast<unsigned>(*day)}
    };
    if (!date.ok()) return std::nullopt;
    // Beyond what nanoseconds since 1970 can say.
    if (*year < 1700 || *year > 2200) return std::nullopt;
    return sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second} - offset;
}

std::string exec_info(const client_config& config, std::string_view ca) {
    json::object spec{{"interactive", false}};
    const auto& plugin = *config.exec;
    if (plugin.provide_cluster_info) {
        json::object cluster;
        cluster["server"] = std::string(config.tls ? "https://" : "http://") +
                            authority_of(config.host, config.port) + config.path_prefix;
        if (!config.server_name.empty()) cluster["tls-server-name"] = config.server_name;
        if (config.insecure_skip_tls_verify) cluster["insecure-skip-tls-verify"] = true;
        if (!ca.empty()) cluster["certificate-authority-data"] = encode_base64(ca);
        if (!plugin.cluster_extension.empty()) {
            boost::system::error_code failure;
            auto extension = json::parse(plugin.cluster_extension, failure);
            if (!failure) cluster["config"] = std::move(extension);
        }
        spec["cluster"] = std::move(cluster);
    }
    return json::serialize(json::object{
        {"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", std::move(spec)}
    });
}

std::variant<exec_credential, std::string> parse_exec_credential(
    std::string_view text, std::string_view api_version
) {
    json::parse_options options;
    options.max_depth = max_depth;
    boost::system::error_code failure;
    const auto value =
        json::parse(json::string_view(text.data(), text.size()), failure, {}, options);
    if (failure) return "its output is not JSON: " + failure.message();
    const auto* object = value.if_object();
    if (object == nullptr || text_of(*object, "kind") != "ExecCredential") {
        return std::string("its output is no ExecCredential");
    }
    if (text_of(*object, "apiVersion") != api_version) {
        return "its output is not of the version " + std::string(api_version);
    }
    const auto* status_value = object->if_contains("status");
    const auto* status = status_value == nullptr ? nullptr : status_value->if_object();
    if (status == nullptr) return std::string("its output has no status");

    exec_credential made;
    made.token = text_of(*status, "token");
    made.certificate = text_of(*status, "clientCertificateData");
    made.key = text_of(*status, "clientKeyData");
    if (made.token.empty() && made.certificate.empty() && made.key.empty()) {
        return std::string("its output holds neither a token nor a certificate");
    }
    if (made.certificate.empty() != made.key.empty()) {
        return std::string("its output holds a certificate without a key, or a key without one");
    }
    if (holds_control_characters(made.token)) {
        return std::string("its token holds a control character");
    }
    const auto expires = text_of(*status, "expirationTimestamp");
    if (!expires.empty()) {
        made.expires = parse_rfc3339(expires);
        if (!made.expires) return std::string("its expirationTimestamp is no time");
    }
    return made;
}

}  // namespace pgw::kube
