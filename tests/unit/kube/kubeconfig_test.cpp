// Kubeconfig texts: merging, fields, refusals.
#include "common/kube/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace {

using namespace pgw::kube;
using testing::HasSubstr;

using files = std::vector<std::pair<std::string, std::string>>;

client_config good(const files& texts, const std::string& context = {}) {
    auto parsed = parse_kubeconfig(texts, context);
    if (const auto* what = std::get_if<std::string>(&parsed)) {
        ADD_FAILURE() << *what;
        return {};
    }
    return std::get<client_config>(parsed);
}

std::string problem(const files& texts, const std::string& context = {}) {
    auto parsed = parse_kubeconfig(texts, context);
    const auto* what = std::get_if<std::string>(&parsed);
    return what == nullptr ? "no problem" : *what;
}

// One context `c` of cluster and user with the given fields, in flow style.
std::string config_of(const std::string& cluster, const std::string& user) {
    return "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
           "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
           "clusters: [{name: k, cluster: {" +
           cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

client_config of_user(const std::string& user) {
    return good({{"/etc/kc/config", config_of("server: 'https://h:6443'", user)}});
}
std::string problem_of_user(const std::string& user) {
    return problem({{"/etc/kc/config", config_of("server: 'https://h:6443'", user)}});
}
std::string problem_of_cluster(const std::string& cluster) {
    return problem({{"/etc/kc/config", config_of(cluster, "token: t")}});
}

TEST(kubeconfig, usual_one_of_an_administrator) {
    const auto config = good({{"/home/a/.kube/config", R"(apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: kind
  cluster:
    certificate-authority-data: Q0E=
    server: https://127.0.0.1:41233
contexts:
- name: kind-kind
  context:
    cluster: kind
    namespace: devices
    user: admin
current-context: kind-kind
users:
- name: admin
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
)"}});
    EXPECT_EQ(config.host, "127.0.0.1");
    EXPECT_EQ(config.port, 41233);
    EXPECT_TRUE(config.tls);
    EXPECT_EQ(config.ca.text, "CA");
    EXPECT_EQ(config.client_certificate.text, "CERT");
    EXPECT_EQ(config.client_key.text, "KEY");
    EXPECT_EQ(config.default_namespace, "devices");
    EXPECT_FALSE(config.insecure_skip_tls_verify);
}

TEST(kubeconfig, json_with_tabs_and_escapes) {
    const auto config = good(
        {{"/k",
          "{\n\t\"current-context\": \"c\",\n\t\"contexts\": [{\"name\": \"c\","
          "\"context\": {\"cluster\": \"k\"}}],\"clusters\": [{\"name\": \"k\","
          "\"cluster\": {\"server\": \"https:\\/\\/h\"}}]}"}}
    );
    EXPECT_EQ(config.host, "h");
    EXPECT_EQ(config.default_namespace, "default");
}

struct server_case {
    const char* name;
    const char* server;
    bool tls;
    const char* host;
    int port;
    const char* prefix;
};

class kubeconfig_server : public testing::TestWithParam<server_case> {};

TEST_P(kubeconfig_server, is_taken_apart) {
    const auto& row = GetParam();
    const auto config = good({{"/k", config_of(std::string("server: '") + row.server + "'", "")}});
    EXPECT_EQ(config.tls, row.tls);
    EXPECT_EQ(config.host, row.host);
    EXPECT_EQ(config.port, row.port);
    EXPECT_EQ(config.path_prefix, row.prefix);
}

INSTANTIATE_TEST_SUITE_P(
    forms,
    kubeconfig_server,
    testing::Values(
        server_case{"https", "https://api.example:6443", true, "api.example", 6443, ""},
        server_case{"https_default_port", "https://api.example", true, "api.example", 443, ""},
        server_case{"slash", "https://api.example/", true, "api.example", 443, ""},
        server_case{"http", "http://localhost:8080", false, "localhost", 8080, ""},
        server_case{"http_default_port", "http://localhost", false, "localhost", 80, ""},
        server_case{"no_scheme_no_tls", "localhost:8080", false, "localhost", 8080, ""},
        server_case{"ipv6", "https://[fd00::1]:6443", true, "fd00::1", 6443, ""},
        server_case{"ipv6_default_port", "https://[fd00::1]", true, "fd00::1", 443, ""},
        server_case{"prefix", "https://r/k8s/clusters/c-1/", true, "r", 443, "/k8s/clusters/c-1"},
        server_case{"query", "https://r/p?x=1#y", true, "r", 443, "/p"}
    ),
    [](const auto& row) { return row.param.name; }
);

TEST(kubeconfig, server_without_scheme_is_tls_where_tls_is_configured) {
    EXPECT_TRUE(good({{"/k", config_of("server: 'h:1', insecure-skip-tls-verify: true", "")}}).tls);
    EXPECT_TRUE(good({{"/k", config_of("server: 'h:1', certificate-authority: ca", "")}}).tls);
    EXPECT_TRUE(good({{"/k", config_of("server: 'h:1'", "client-certificate: c, client-key: k")}}
    ).tls);
}

TEST(kubeconfig, refused_clusters) {
    EXPECT_THAT(problem_of_cluster("server: 'https://'"), HasSubstr("names no host"));
    EXPECT_THAT(problem_of_cluster("server: 'https://h:0'"), HasSubstr("has a port"));
    EXPECT_THAT(problem_of_cluster("server: 'https://h:65536'"), HasSubstr("has a port"));
    EXPECT_THAT(problem_of_cluster("server: 'https://h:x'"), HasSubstr("has a port"));
    EXPECT_THAT(problem_of_cluster("server: 'https://[::1'"), HasSubstr("has a bracket"));
    EXPECT_THAT(problem_of_cluster("server: 'https://u:p@h'"), HasSubstr("holds a user"));
    EXPECT_THAT(problem_of_cluster("server: 'ftp://h'"), HasSubstr("is neither https"));
    EXPECT_THAT(problem_of_cluster("server: \"https://h\\r\\nx\""), HasSubstr("names a host that"));
    EXPECT_THAT(problem_of_cluster("server: \"https://h/a b\""), HasSubstr("percent-encoded"));
    EXPECT_THAT(
        problem_of_cluster("server: [h]"), HasSubstr("clusters[\"k\"].cluster.server must be text")
    );
    EXPECT_THAT(problem_of_cluster(""), HasSubstr("clusters[\"k\"].cluster.server is missing"));
    EXPECT_EQ(
        problem_of_cluster("server: 'https://h', proxy-url: 'http://proxy'"),
        "/etc/kc/config: clusters[\"k\"].cluster.proxy-url is not supported: there must be a "
        "direct way to the server"
    );
    EXPECT_THAT(
        problem_of_cluster("server: 'https://h', certificate-authority-data: '!'"),
        HasSubstr("certificate-authority-data is not base64")
    );
    EXPECT_THAT(
        problem_of_cluster("server: 'https://h', insecure-skip-tls-verify: 'true'"),
        HasSubstr("insecure-skip-tls-verify must be true or false")
    );
    EXPECT_THAT(
        problem_of_cluster(
            "server: 'https://h', insecure-skip-tls-verify: true, certificate-authority: x"
        ),
        HasSubstr("does not go with a certificate authority")
    );
}

TEST(kubeconfig, empty_proxy_url_is_none) {
    EXPECT_EQ(problem_of_cluster("server: 'https://h', proxy-url: ''"), "no problem");
}

TEST(kubeconfig, paths_are_relative_to_their_file) {
    const auto config = good(
        {{"/etc/kc/config",
          config_of(
              "server: 'https://h', certificate-authority: ../pki/ca.crt, tls-server-name: api",
              "client-certificate: tls.crt, client-key: /abs/tls.key, tokenFile: sub/token"
          )}}
    );
    EXPECT_EQ(config.ca.file, "/etc/pki/ca.crt");
    EXPECT_EQ(config.client_certificate.file, "/etc/kc/tls.crt");
    EXPECT_EQ(config.client_key.file, "/abs/tls.key");
    EXPECT_EQ(config.token_file, "/etc/kc/sub/token");
    EXPECT_EQ(config.server_name, "api");
}

TEST(kubeconfig, data_wins_over_a_file) {
    const auto config = of_user(
        "client-certificate: c, client-certificate-data: Qw==, client-key: k, client-key-data: Sw=="
    );
    EXPECT_EQ(config.client_certificate.text, "C");
    EXPECT_EQ(config.client_certificate.file, "");
    EXPECT_EQ(config.client_key.text, "K");
}

TEST(kubeconfig, users) {
    EXPECT_EQ(of_user("token: abc").token, "abc");
    EXPECT_EQ(of_user("token: 12345").token, "12345");
    EXPECT_EQ(of_user("username: a, password: b").user_name, "a");
    EXPECT_EQ(of_user("username: a, password: b").password, "b");
    const auto both = of_user("token: abc, tokenFile: /t");
    EXPECT_EQ(both.token, "abc");
    EXPECT_EQ(both.token_file, "/t");
    EXPECT_TRUE(of_user("client-key: k").client_key.empty());
    const auto as = of_user(
        "token: t, as: alice, as-uid: '7', as-groups: [g1, g2], as-user-extra: {scopes: [a, b]}"
    );
    EXPECT_EQ(as.impersonate_user, "alice");
    EXPECT_EQ(as.impersonate_uid, "7");
    EXPECT_THAT(as.impersonate_groups, testing::ElementsAre("g1", "g2"));
    ASSERT_EQ(as.impersonate_extra.size(), 1u);
    EXPECT_EQ(as.impersonate_extra[0].first, "scopes");
    EXPECT_THAT(as.impersonate_extra[0].second, testing::ElementsAre("a", "b"));
}

TEST(kubeconfig, refused_users) {
    EXPECT_THAT(problem_of_user("token: t, username: u"), HasSubstr("does not go with a token"));
    EXPECT_THAT(
        problem_of_user("client-certificate: c"),
        HasSubstr("users[\"u\"].user.client-key is missing")
    );
    EXPECT_THAT(problem_of_user("as-groups: [g]"), HasSubstr("user.as is missing"));
    EXPECT_THAT(
        problem_of_user("auth-provider: {name: gcp}"), HasSubstr("auth-provider is not supported")
    );
    EXPECT_THAT(problem_of_user("token: \"a\\nb\""), HasSubstr("token holds a control character"));
    EXPECT_THAT(
        problem_of_user("as: a, as-groups: [\"a\\r\\nb\"]"), HasSubstr("holds a control character")
    );
    EXPECT_THAT(
        problem_of_user("client-key-data: 'A==='"), HasSubstr("client-key-data is not base64")
    );
    EXPECT_THAT(problem_of_user("exec: yes"), HasSubstr("user.exec must be an object"));
}

TEST(kubeconfig, nothing_secret_goes_over_plain_http) {
    const auto config = good(
        {{"/k",
          config_of("server: 'http://h'", "token: t, client-certificate: c, client-key: k, as: x")}}
    );
    EXPECT_FALSE(config.tls);
    EXPECT_EQ(config.token, "");
    EXPECT_TRUE(config.client_certificate.empty());
    EXPECT_EQ(config.impersonate_user, "x");
}

TEST(kubeconfig, exec_plugin) {
    const auto config = good({{"/etc/kc/config", R"(
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters:
- name: k
  cluster:
    server: https://h
    extensions:
    - {name: other, extension: 1}
    - {name: client.authentication.k8s.io/exec, extension: {audience: x, n: 5}}
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/login
      args: [--now, 5]
      env: [{name: A, value: b}]
      interactiveMode: IfAvailable
      installHint: install it
      provideClusterInfo: true
)"}});
    ASSERT_TRUE(config.exec);
    EXPECT_EQ(config.exec->command, "/etc/kc/bin/login");
    EXPECT_THAT(config.exec->arguments, testing::ElementsAre("--now", "5"));
    EXPECT_THAT(config.exec->environment, testing::ElementsAre(testing::Pair("A", "b")));
    EXPECT_EQ(config.exec->install_hint, "install it");
    EXPECT_TRUE(config.exec->provide_cluster_info);
    EXPECT_EQ(config.exec->cluster_extension, R"({"audience":"x","n":5})");
}

TEST(kubeconfig, exec_command_without_a_slash_is_looked_up_by_the_system) {
    const auto config =
        of_user("exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: login}");
    EXPECT_EQ(config.exec->command, "login");
}

TEST(kubeconfig, refused_exec_plugins) {
    const std::string v1 = "apiVersion: client.authentication.k8s.io/v1";
    EXPECT_THAT(problem_of_user("exec: {command: x}"), HasSubstr("exec.apiVersion must be"));
    EXPECT_THAT(
        problem_of_user("exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"),
        HasSubstr("exec.apiVersion must be")
    );
    EXPECT_THAT(problem_of_user("exec: {" + v1 + "}"), HasSubstr("exec.command is missing"));
    EXPECT_THAT(
        problem_of_user("exec: {" + v1 + ", command: x}"), HasSubstr("interactiveMode must be")
    );
    EXPECT_THAT(
        problem_of_user("exec: {" + v1 + ", command: x, interactiveMode: Always}"),
        HasSubstr("no terminal")
    );
    EXPECT_THAT(
        problem_of_user(
            "exec: {" + v1 + ", command: x, interactiveMode: Never, env: [{name: A=B}]}"
        ),
        HasSubstr("exec.env[0].name must be")
    );
    EXPECT_THAT(
        problem_of_user("exec: {" + v1 + ", command: x, interactiveMode: Never, args: [[a]]}"),
        HasSubstr("exec.args must be a list of texts")
    );
}

TEST(kubeconfig, first_file_with_an_entry_wins_and_wins_it_whole) {
    const auto config = good(
        {{"/a/one", "users: [{name: u, user: {token: first}}]\n"},
         {"/b/two",
          "current-context: c\n"
          "contexts: [{name: c, context: {cluster: k, user: u, namespace: two}}]\n"
          "clusters: [{name: k, cluster: {server: 'https://two', certificate-authority: ca}}]\n"
          "users: [{name: u, user: {as: second}}]\n"},
         {"/c/three",
          "current-context: d\n"
          "contexts: [{name: c, context: {cluster: x}}, {name: d, context: {cluster: k}}]\n"
          "clusters: [{name: k, cluster: {server: 'https://three'}}]\n"}}
    );
    EXPECT_EQ(config.host, "two");
    EXPECT_EQ(config.ca.file, "/b/ca");
    EXPECT_EQ(config.token, "first");
    EXPECT_EQ(config.impersonate_user, "");
    EXPECT_EQ(config.default_namespace, "two");
}

TEST(kubeconfig, named_context_wins_over_the_current_one) {
    const files texts = {
        {"/k",
         "current-context: a\n"
         "contexts: [{name: a, context: {cluster: a}}, {name: b, context: {cluster: b}}]\n"
         "clusters: [{name: a, cluster: {server: 'https://a'}}, {name: b, cluster: {server: "
         "'https://b'}}]\n"}
    };
    EXPECT_EQ(good(texts).host, "a");
    EXPECT_EQ(good(texts, "b").host, "b");
    EXPECT_EQ(problem(texts, "x"), "the kubeconfig has no context \"x\"");
}

TEST(kubeconfig, only_what_the_context_uses_must_be_right) {
    EXPECT_EQ(
        good({{"/k",
               "current-context: a\n"
               "contexts: [{name: a, context: {cluster: a}}]\n"
               "clusters: [{name: a, cluster: {server: 'https://a'}}, {name: b, cluster: {}}]\n"
               "users: [{name: u, user: {auth-provider: {name: gcp}}}]\n"}})
            .host,
        "a"
    );
}

TEST(kubeconfig, refused_structures) {
    EXPECT_EQ(
        problem({{"/k", ""}}), "the kubeconfig has no current-context; name one with --context"
    );
    EXPECT_EQ(problem({{"/k", "[]"}}), "/k: is no kubeconfig");
    EXPECT_EQ(problem({{"/k", "clusters: {}"}}), "/k: clusters must be a list");
    EXPECT_EQ(problem({{"/k", "clusters: [1]"}}), "/k: clusters[0] must be an object");
    EXPECT_EQ(
        problem({{"/k", "clusters: [{name: a}, {name: a}]"}}), "/k: clusters holds \"a\" twice"
    );
    EXPECT_THAT(problem({{"/k", "a: [\n"}}), HasSubstr("/k: line 2: is not valid YAML"));
    EXPECT_THAT(
        problem({{"/k", "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"}}),
        HasSubstr("context.cluster is \"k\", which is not there")
    );
    EXPECT_THAT(
        problem({{"/k", "current-context: c\ncontexts: [{name: c}]\n"}}),
        HasSubstr("context.cluster is missing")
    );
}

std::string refused_quickly(const std::string& text) {
    const auto before = std::chrono::steady_clock::now();
    auto what = problem({{"/k", text}});
    const auto took = std::chrono::steady_clock::now() - before;
    EXPECT_LT(took, std::chrono::seconds(10)) << text.substr(0, 20);
    return what;
}

TEST(kubeconfig, what_is_true_is_written_true) {
    const auto text = [](const std::string& value) {
        return files{
            {"/k",
             "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
             "clusters: [{name: k, cluster: {server: 'https://h', insecure-skip-tls-verify: " +
                 value + "}}]\n"}
        };
    };
    EXPECT_TRUE(good(text("true")).insecure_skip_tls_verify);
    EXPECT_TRUE(good(text("True")).insecure_skip_tls_verify);
    EXPECT_FALSE(good(text("false")).insecure_skip_tls_verify);
    for (const auto* other : {"yes", "on", "'true'", "1", "tRue"}) {
        EXPECT_THAT(problem(text(other)), HasSubstr("must be true or false")) << other;
    }
}

TEST(kubeconfig, a_key_that_stands_twice_is_refused) {
    EXPECT_EQ(problem({{"/k", "a: 1\na: 2\n"}}), "/k: line 2: a: is given twice");
}

TEST(kubeconfig, bombs_are_refused_quickly) {
    std::string aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 20; ++i) {
        const auto before = "*a" + std::to_string(i - 1);
        aliases += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
        for (int k = 0; k < 8; ++k) aliases += ", " + before;
        aliases += "]\n";
    }
    EXPECT_EQ(refused_quickly(aliases), "/k: line 1: a0: anchors are not allowed");
    EXPECT_EQ(refused_quickly(std::string(1024 * 1024 + 1, 'a')), "/k: is larger than 1 MiB");
    EXPECT_THAT(refused_quickly(std::string(1024 * 1024, '[')), HasSubstr("nested too deeply"));
    EXPECT_THAT(refused_quickly(std::string(1024 * 1024, '{')), HasSubstr("nested too deeply"));
    std::string dashes;
    for (int i = 0; i < 500'000; ++i) dashes += "- ";
    EXPECT_THAT(refused_quickly(dashes), HasSubstr("nested too deeply"));
    std::string questions;
    for (int i = 0; i < 500'000; ++i) questions += "? ";
    EXPECT_THAT(refused_quickly(questions), HasSubstr("/k: line 1: "));
    std::string many = "a:\n";
    for (int i = 0; i < 200'000; ++i) many += "- a\n";
    EXPECT_THAT(refused_quickly(many), HasSubstr("has more than 50000 nodes"));
    std::string brackets = "{\"a\":";
    brackets += std::string(1024 * 1024 - 10, '[');
    EXPECT_THAT(refused_quickly(std::string(100, '[')), HasSubstr("/k: line 1: "));
    EXPECT_THAT(refused_quickly(brackets), HasSubstr("nested too deeply"));
    EXPECT_EQ(refused_quickly(std::string("a: b\0c", 6)), "/k: line 1: holds a control character");
}

}  // namespace
