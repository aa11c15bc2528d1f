// Which configuration counts: flag, KUBECONFIG, in-cluster, home folder.
#include "common/kube/config_sources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace {

using namespace pgw::kube;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::string kubeconfig(const std::string& host) {
    return "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
           "clusters: [{name: k, cluster: {server: 'https://" +
           host + "'}}]\n";
}

struct config_test : testing::Test {
    config_test() {
        std::string pattern = (fs::temp_directory_path() / "pgw-config-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        sources.variable = [this](const char* name) { return variables[name]; };
        sources.service_account = (folder / "sa").string();
        write("flag", kubeconfig("flag"));
        write("one", kubeconfig("one"));
        write("two", kubeconfig("two"));
    }
    ~config_test() override { fs::remove_all(folder); }

    std::string path(const std::string& name) const { return (folder / name).string(); }
    void write(const std::string& name, const std::string& content) const {
        fs::create_directories((folder / name).parent_path());
        std::ofstream(folder / name) << content;
    }
    void in_cluster() {
        variables["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
        variables["KUBERNETES_SERVICE_PORT"] = "443";
        write("sa/token", "abc\n");
        write("sa/ca.crt", "CA");
        write("sa/namespace", "devices\n");
    }
    void at_home() {
        write("home/.kube/config", kubeconfig("home"));
        variables["HOME"] = path("home");
    }

    client_config good() {
        auto loaded = load_config(options, sources);
        if (const auto* what = std::get_if<std::string>(&loaded)) {
            ADD_FAILURE() << *what;
            return {};
        }
        return std::get<client_config>(loaded);
    }
    std::string problem() {
        auto loaded = load_config(options, sources);
        const auto* what = std::get_if<std::string>(&loaded);
        return what == nullptr ? "no problem" : *what;
    }

    fs::path folder;
    std::map<std::string, std::string> variables;
    config_sources sources;
    config_options options;
};

TEST_F(config_test, flag_wins) {
    in_cluster();
    at_home();
    variables["KUBECONFIG"] = path("one");
    options.kubeconfig = path("flag");
    EXPECT_EQ(good().host, "flag");
}

TEST_F(config_test, then_the_variable) {
    in_cluster();
    at_home();
    variables["KUBECONFIG"] = path("one") + ":" + path("two");
    EXPECT_EQ(good().host, "one");
}

TEST_F(config_test, then_the_pod) {
    in_cluster();
    at_home();
    const auto config = good();
    EXPECT_EQ(config.host, "10.0.0.1");
    EXPECT_EQ(config.port, 443);
    EXPECT_TRUE(config.tls);
    EXPECT_EQ(config.token_file, path("sa/token"));
    EXPECT_EQ(config.ca.file, path("sa/ca.crt"));
    EXPECT_EQ(config.default_namespace, "devices");
}

TEST_F(config_test, then_the_home_folder) {
    at_home();
    EXPECT_EQ(good().host, "home");
}

TEST_F(config_test, nothing_at_all_says_where_it_looked) {
    variables["HOME"] = path("home");
    EXPECT_EQ(
        problem(),
        "there is no configuration for the Kubernetes API: no --kubeconfig, KUBECONFIG is not set; "
        "in-cluster: KUBERNETES_SERVICE_HOST is not set; " +
            path("home/.kube/config") + " does not exist"
    );
}

TEST_F(config_test, empty_parts_and_missing_files_of_the_variable_are_passed_over) {
    variables["KUBECONFIG"] = ":" + path("missing") + "::" + path("two") + ":" + path("two") + ":";
    EXPECT_EQ(good().host, "two");
}

TEST_F(config_test, missing_files_are_named) {
    at_home();
    options.kubeconfig = path("missing");
    EXPECT_EQ(problem(), path("missing") + ": No such file or directory");
    options.kubeconfig.clear();
    variables["KUBECONFIG"] = path("m1") + ":" + path("m2");
    EXPECT_EQ(
        problem(), "none of the files of KUBECONFIG exists: " + path("m1") + " " + path("m2")
    );
}

TEST_F(config_test, unreadable_files_are_errors) {
    variables["KUBECONFIG"] = path("one") + ":" + folder.string();
    EXPECT_EQ(problem(), folder.string() + ": is a directory, not a regular file");
}

TEST_F(config_test, endless_and_silent_files_are_refused) {
    options.kubeconfig = "/dev/zero";
    EXPECT_THAT(problem(), HasSubstr("/dev/zero: is a device, not a regular file"));
    ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
    options.kubeconfig = path("pipe");
    EXPECT_THAT(problem(), HasSubstr("pipe: is a pipe, not a regular file"));
}

TEST_F(config_test, paths_are_relative_to_the_kubeconfig_not_to_us) {
    write(
        "kc/config",
        "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
        "clusters: [{name: k, cluster: {server: 'https://h', certificate-authority: ca.crt}}]\n"
    );
    options.kubeconfig = fs::relative(folder / "kc/config").string();
    EXPECT_EQ(fs::weakly_canonical(good().ca.file), fs::weakly_canonical(folder / "kc/ca.crt"));
}

TEST_F(config_test, ipv6_service) {
    in_cluster();
    variables["KUBERNETES_SERVICE_HOST"] = "fd00:10:96::1";
    EXPECT_EQ(good().host, "fd00:10:96::1");
    variables["KUBERNETES_SERVICE_HOST"] = "[fd00:10:96::1]";
    EXPECT_EQ(good().host, "fd00:10:96::1");
}

TEST_F(config_test, namespace_file_may_be_missing) {
    in_cluster();
    fs::remove(folder / "sa/namespace");
    EXPECT_EQ(good().default_namespace, "default");
}

TEST_F(config_test, incomplete_pod_says_what_is_missing) {
    in_cluster();
    fs::remove(folder / "sa/token");
    EXPECT_THAT(
        problem(), HasSubstr(path("sa/token") + ": No such file or directory (does the pod")
    );
    write("sa/token", "abc");
    fs::remove(folder / "sa/ca.crt");
    EXPECT_THAT(problem(), HasSubstr(path("sa/ca.crt") + ": No such file or directory"));
    write("sa/ca.crt", "CA");
    variables["KUBERNETES_SERVICE_PORT"] = "70000";
    EXPECT_THAT(problem(), HasSubstr("KUBERNETES_SERVICE_PORT is not a port: 70000"));
}

TEST_F(config_test, incomplete_pod_with_a_home_folder_uses_that) {
    in_cluster();
    at_home();
    fs::remove(folder / "sa/token");
    EXPECT_EQ(good().host, "home");
}

}  // namespace
