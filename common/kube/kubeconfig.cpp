// Merged and read as clientcmd does, except that what cannot be honoured is an error.
#include "common/kube/base64.hpp"
#include "common/kube/config.hpp"
#include "common/kube/server_url.hpp"
#include "common/kube/yaml_value.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace pgw::kube {

namespace {

namespace json = boost::json;

struct failure {
    std::string text;
};

// An object of the configuration that knows where it stands.
struct place {
    const json::object* object = nullptr;  ///< nullptr: empty.
    const std::string* file = nullptr;
    std::string path;

    [[noreturn]] void fail(std::string_view field, const std::string& what) const {
        auto text = *file + ": " + path;
        if (!path.empty() && !field.empty()) text += '.';
        text += field;
        throw failure{text + " " + what};
    }

    const json::value* find(std::string_view field) const {
        const auto* value = object == nullptr ? nullptr : object->if_contains(field);
        return value == nullptr || value->is_null() ? nullptr : value;
    }

    std::string text(std::string_view field) const {
        const auto* value = find(field);
        if (value == nullptr) return {};
        if (const auto* number = value->if_int64()) return std::to_string(*number);
        const auto* text = value->if_string();
        if (text == nullptr) fail(field, "must be text");
        return {text->data(), text->size()};
    }

    // What goes into a header.
    void refuse_control_characters(std::string_view field, std::string_view value) const {
        const bool is_good = std::none_of(value.begin(), value.end(), [](char c) {
            return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
        });
        if (!is_good) fail(field, "holds a control character");
    }
    std::string header_text(std::string_view field) const {
        auto value = text(field);
        refuse_control_characters(field, value);
        return value;
    }
    std::vector<std::string> header_texts(std::string_view field) const {
        auto values = texts(field);
        for (const auto& value : values) refuse_control_characters(field, value);
        return values;
    }

    bool flag(std::string_view field) const {
        const auto* value = find(field);
        if (value == nullptr) return false;
        if (!value->is_bool()) fail(field, "must be true or false");
        return value->get_bool();
    }

    place child(std::string_view field) const {
        const auto* value = find(field);
        auto where = path.empty() ? std::string(field) : path + "." + std::string(field);
        if (value == nullptr) return {nullptr, file, std::move(where)};
        const auto* inner = value->if_object();
        if (inner == nullptr) fail(field, "must be an object");
        return {inner, file, std::move(where)};
    }

    std::vector<place> children(std::string_view field) const {
        std::vector<place> all;
        const auto* value = find(field);
        if (value == nullptr) return all;
        const auto* list = value->if_array();
        if (list == nullptr) fail(field, "must be a list");
        for (const auto& item : *list) {
            auto where = std::string(field) + "[" + std::to_string(all.size()) + "]";
            if (!path.empty()) where = path + "." + where;
            const auto* inner = item.if_object();
            if (inner == nullptr)
                fail(where.substr(path.empty() ? 0 : path.size() + 1), "must be an object");
            all.push_back({inner, file, std::move(where)});
        }
        return all;
    }

    std::vector<std::string> texts(std::string_view field) const {
        std::vector<std::string> all;
        const auto* value = find(field);
        if (value == nullptr) return all;
        const auto* list = value->if_array();
        if (list == nullptr) fail(field, "must be a list of texts");
        for (const auto& item : *list) {
            if (const auto* text = item.if_string()) {
                all.emplace_back(text->data(), text->size());
            } else if (const auto* number = item.if_int64()) {
                all.push_back(std::to_string(*number));
            } else {
                fail(field, "must be a list of texts");
            }
        }
        return all;
    }

    // Paths are relative to the file that names them.
    std::string file_path(std::string_view field) const { return resolve(text(field)); }
    std::string resolve(const std::string& name) const {
        if (name.empty() || name.front() == '/') return name;
        return (std::filesystem::path(*file).parent_path() / name).lexically_normal().string();
    }

    std::string data(std::string_view field) const {
        const auto encoded = text(field);
        auto decoded = decode_base64(encoded);
        if (!decoded) fail(field, "is not base64");
        return std::move(*decoded);
    }

    // A file or its content in place; the latter wins, as in clientcmd.
    pem_source pem(const std::string& field) const {
        pem_source source;
        source.text = data(field + "-data");
        if (source.text.empty()) source.file = file_path(field);
        return source;
    }
};

using entries = std::map<std::string, place, std::less<>>;

// The first file that has an entry of a name wins, with the whole entry.
void merge(entries& into, const place& root, std::string_view list, std::string_view member) {
    entries of_file;
    for (const auto& item : root.children(list)) {
        const auto name = item.text("name");
        auto content = item.child(member);
        content.path = std::string(list) + "[\"" + name + "\"]." + std::string(member);
        if (!of_file.emplace(name, std::move(content)).second) {
            root.fail(list, "holds \"" + name + "\" twice");
        }
    }
    into.merge(of_file);
}

void read_cluster(const place& cluster, client_config& config) {
    config.insecure_skip_tls_verify = cluster.flag("insecure-skip-tls-verify");
    config.ca = cluster.pem("certificate-authority");
    config.server_name = cluster.text("tls-server-name");
    if (config.insecure_skip_tls_verify && !config.ca.empty()) {
        cluster.fail("insecure-skip-tls-verify", "does not go with a certificate authority");
    }
    if (cluster.find("proxy-url") != nullptr && !cluster.text("proxy-url").empty()) {
        cluster.fail("proxy-url", "is not supported: there must be a direct way to the server");
    }
    const auto server = cluster.text("server");
    if (server.empty()) cluster.fail("server", "is missing");
    const bool tls_by_default =
        config.insecure_skip_tls_verify || !config.ca.empty() || !config.client_certificate.empty();
    auto parsed = parse_server_url(server, tls_by_default);
    if (const auto* what = std::get_if<std::string>(&parsed)) cluster.fail("server", *what);
    auto& url = std::get<server_url>(parsed);
    config.tls = url.tls;
    config.host = std::move(url.host);
    config.port = url.port;
    config.path_prefix = std::move(url.path_prefix);
}

exec_plugin read_exec(const place& exec, const place& cluster) {
    exec_plugin plugin;
    plugin.api_version = exec.text("apiVersion");
    const bool is_v1 = plugin.api_version == "client.authentication.k8s.io/v1";
    if (!is_v1 && plugin.api_version != "client.authentication.k8s.io/v1beta1") {
        exec.fail("apiVersion", "must be client.authentication.k8s.io/v1 or v1beta1");
    }
    plugin.command = exec.text("command");
    if (plugin.command.empty()) exec.fail("command", "is missing");
    if (plugin.command.find('/') != std::string::npos) {
        plugin.command = exec.resolve(plugin.command);
    }
    plugin.arguments = exec.texts("args");
    for (const auto& variable : exec.children("env")) {
        auto name = variable.text("name");
        if (name.empty() || name.find('=') != std::string::npos) {
            variable.fail("name", "must be the name of an environment variable");
        }
        plugin.environment.emplace_back(std::move(name), variable.text("value"));
    }
    plugin.install_hint = exec.text("installHint");
    plugin.provide_cluster_info = exec.flag("provideClusterInfo");
    const auto mode = exec.text("interactiveMode");
    if (mode == "Always") {
        exec.fail("interactiveMode", "is Always, but there is no terminal to ask at");
    }
    if (mode != "Never" && mode != "IfAvailable" && (is_v1 || !mode.empty())) {
        exec.fail("interactiveMode", "must be Never, IfAvailable or Always");
    }
    for (const auto& extension : cluster.children("extensions")) {
        if (extension.text("name") != "client.authentication.k8s.io/exec") continue;
        if (const auto* content = extension.find("extension")) {
            plugin.cluster_extension = json::serialize(*content);
        }
    }
    return plugin;
}

void read_client_certificate(const place& user, client_config& config) {
    config.client_certificate = user.pem("client-certificate");
    config.client_key = user.pem("client-key");
    if (!config.client_certificate.empty() && config.client_key.empty()) {
        user.fail("client-key", "is missing: a client certificate needs its key");
    }
    // A key alone identifies nobody.
    if (config.client_certificate.empty()) config.client_key = {};
}

void read_impersonation(const place& user, client_config& config) {
    config.impersonate_user = user.header_text("as");
    config.impersonate_uid = user.header_text("as-uid");
    config.impersonate_groups = user.header_texts("as-groups");
    const auto extra = user.child("as-user-extra");
    if (extra.object != nullptr) {
        for (const auto& member : *extra.object) {
            const std::string key(member.key());
            config.impersonate_extra.emplace_back(key, extra.header_texts(key));
        }
    }
    const bool has_more = !config.impersonate_uid.empty() || !config.impersonate_groups.empty() ||
                          !config.impersonate_extra.empty();
    if (has_more && config.impersonate_user.empty()) {
        user.fail("as", "is missing: as-uid, as-groups and as-user-extra need it");
    }
}

void read_user(const place& user, const place& cluster, client_config& config) {
    config.token = user.header_text("token");
    config.token_file = user.file_path("tokenFile");
    config.user_name = user.header_text("username");
    config.password = user.header_text("password");
    const bool has_token = !config.token.empty() || !config.token_file.empty();
    if (has_token && (!config.user_name.empty() || !config.password.empty())) {
        user.fail("username", "does not go with a token");
    }
    if (user.find("auth-provider") != nullptr) {
        user.fail("auth-provider", "is not supported: use exec");
    }
    if (const auto exec = user.child("exec"); exec.object != nullptr) {
        config.exec = read_exec(exec, cluster);
    }
}

// Nothing that proves who we are goes over a connection that anybody can read.
void drop_user(client_config& config) {
    config.token.clear();
    config.token_file.clear();
    config.user_name.clear();
    config.password.clear();
    config.client_certificate = {};
    config.client_key = {};
    config.exec.reset();
}

struct merged {
    entries clusters;
    entries users;
    entries contexts;
    std::string current_context;
};

client_config resolve(const merged& all, const std::string& wanted) {
    const auto& name = wanted.empty() ? all.current_context : wanted;
    if (name.empty()) {
        throw failure{"the kubeconfig has no current-context; name one with --context"};
    }
    const auto context = all.contexts.find(name);
    if (context == all.contexts.end()) {
        throw failure{"the kubeconfig has no context \"" + name + "\""};
    }
    const auto find = [&](const entries& from, std::string_view field) -> const place* {
        const auto target = context->second.text(field);
        if (target.empty()) return nullptr;
        const auto found = from.find(target);
        if (found == from.end()) {
            context->second.fail(field, "is \"" + target + "\", which is not there");
        }
        return &found->second;
    };
    client_config config;
    const auto* cluster = find(all.clusters, "cluster");
    if (cluster == nullptr) context->second.fail("cluster", "is missing");
    const auto* user = find(all.users, "user");
    if (user != nullptr) read_client_certificate(*user, config);
    read_cluster(*cluster, config);
    if (user != nullptr) {
        read_user(*user, *cluster, config);
        read_impersonation(*user, config);
    }
    if (!config.tls) drop_user(config);
    if (auto ns = context->second.text("namespace"); !ns.empty()) {
        config.default_namespace = std::move(ns);
    }
    return config;
}

}  // namespace

std::variant<client_config, std::string> parse_kubeconfig(
    const std::vector<std::pair<std::string, std::string>>& files, const std::string& context
) {
    try {
        std::vector<json::value> documents;
        documents.reserve(files.size());  // the entries point into it
        merged all;
        for (const auto& [file, content] : files) {
            auto read = read_yaml(content);
            if (const auto* what = std::get_if<std::string>(&read)) {
                throw failure{file + ": " + *what};
            }
            const auto& document = documents.emplace_back(std::move(std::get<json::value>(read)));
            if (document.is_null()) continue;
            const place root{document.if_object(), &file, {}};
            if (root.object == nullptr) throw failure{file + ": is no kubeconfig"};
            merge(all.clusters, root, "clusters", "cluster");
            merge(all.users, root, "users", "user");
            merge(all.contexts, root, "contexts", "context");
            if (all.current_context.empty()) all.current_context = root.text("current-context");
        }
        return resolve(all, context);
    } catch (const failure& failed) {
        return failed.text;
    }
}

}  // namespace pgw::kube
