// Tokens from files and from programs, kept fresh.
#include "common/kube/credentials.hpp"

#include "tests/integration/kube/harness.hpp"
#include "tests/support/certificates.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace {

using namespace pgw::kube;
using namespace pgw::test;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* v1 = "client.authentication.k8s.io/v1";

struct credentials_test : testing::Test {
    credentials_test() {
        config.host = "h";
        config.tls = false;
        timing.plugin_pause = 0ms;
    }
    ~credentials_test() override {
        subject.reset();
        EXPECT_TRUE(everything.run_out());
    }

    // A plug-in that runs this shell script, which finds a counter of its runs in $RUN.
    void plugin(const std::string& script) {
        const auto path = files.write(
            "plugin",
            "#!/bin/sh\ncd " + files.path() + "\necho >> runs\nRUN=$(grep -c '' runs)\n" + script +
                "\n"
        );
        ::chmod(path.c_str(), 0700);
        config.exec.emplace();
        config.exec->api_version = v1;
        config.exec->command = path;
    }
    static std::string print(const std::string& status) {
        return std::string("echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"") + v1 +
               "\",\"status\":" + status + "}'";
    }
    int runs() const {
        std::ifstream in(files.path("runs"));
        int lines = 0;
        for (std::string line; std::getline(in, line);) ++lines;
        return lines;
    }
    std::string read(const std::string& name) const {
        std::ifstream in(files.path(name));
        return {std::istreambuf_iterator<char>(in), {}};
    }

    credentials& start() {
        return subject.emplace(everything.io, config, pgw::base::logger(), timing);
    }
    result<credential> current() { return everything.get(subject->current()); }
    std::string authorization() {
        const auto got = current();
        if (got.has_error()) return "error: " + got.error().message;
        for (const auto& [name, value] : got->headers) {
            if (name == "Authorization") return value;
        }
        return "none";
    }

    loop everything;
    temporary_directory files;
    client_config config;
    credential_timing timing;
    std::optional<credentials> subject;
};

TEST_F(credentials_test, nobody_in_particular) {
    start();
    EXPECT_EQ(authorization(), "none");
    EXPECT_EQ(current()->tls, nullptr);
}

TEST_F(credentials_test, token_file_is_read_again_in_time) {
    config.token_file = files.write("token", "one\n");
    timing.token = 0ms;
    start();
    EXPECT_EQ(authorization(), "Bearer one");
    files.write("token", "two");
    EXPECT_EQ(authorization(), "Bearer two");
}

TEST_F(credentials_test, token_file_is_not_read_before_its_time) {
    config.token_file = files.write("token", "one\n");
    start();
    EXPECT_EQ(authorization(), "Bearer one");
    files.write("token", "two");
    EXPECT_EQ(authorization(), "Bearer one");
    subject->refused(pgw::base::time_point{});
    EXPECT_EQ(authorization(), "Bearer one");
    subject->refused(pgw::base::clock::now());
    EXPECT_EQ(authorization(), "Bearer two");
}

TEST_F(credentials_test, token_file_that_cannot_be_read_leaves_the_last_token) {
    config.token_file = files.write("token", "one\n");
    timing.token = 0ms;
    start();
    EXPECT_EQ(authorization(), "Bearer one");
    for (const auto* content : {"", " \n", "a\nb"}) {
        files.write("token", content);
        EXPECT_EQ(authorization(), "Bearer one");
    }
    std::filesystem::remove(files.path("token"));
    EXPECT_EQ(authorization(), "Bearer one");
}

TEST_F(credentials_test, token_file_that_never_was_there) {
    config.token_file = files.path("token");
    start();
    EXPECT_THAT(authorization(), HasSubstr("token: No such file or directory"));
    files.write("token", "late");
    EXPECT_EQ(authorization(), "Bearer late");
    config.token_file = files.path("other");
    config.token = "fixed";
    start();
    EXPECT_EQ(authorization(), "Bearer fixed");
}

TEST_F(credentials_test, plugin_runs_once_for_all_who_wait) {
    plugin("sleep 0.2; " + print(R"({"token":"'$RUN'"})"));
    start();
    std::vector<std::string> got;
    for (int i = 0; i < 3; ++i) {
        boost::asio::co_spawn(
            everything.io,
            subject->current(),
            [&](const std::exception_ptr&, const result<credential>& c) {
                got.push_back(c->headers.at(0).second);
            }
        );
    }
    ASSERT_TRUE(everything.run_until([&] { return got.size() == 3; }));
    EXPECT_THAT(got, testing::Each("Bearer 1"));
    EXPECT_EQ(authorization(), "Bearer 1");
    EXPECT_EQ(runs(), 1);
}

TEST_F(credentials_test, refused_token_of_a_plugin_is_renewed) {
    plugin(print(R"({"token":"'$RUN'"})"));
    start();
    EXPECT_EQ(authorization(), "Bearer 1");
    subject->refused(pgw::base::time_point{});
    EXPECT_EQ(authorization(), "Bearer 1");
    subject->refused(pgw::base::clock::now());
    EXPECT_EQ(authorization(), "Bearer 2");
}

TEST_F(credentials_test, plugin_runs_again_before_its_token_expires) {
    // The leeway is longer than the token lives on: it is due a second after each run.
    plugin(print(R"({"token":"'$RUN'","expirationTimestamp":"2000-01-01T00:00:00Z"})"));
    start();
    EXPECT_EQ(authorization(), "Bearer 1");
    EXPECT_EQ(authorization(), "Bearer 1");
    ASSERT_TRUE(everything.run_until([&] { return authorization() == "Bearer 2"; }));
}

TEST_F(credentials_test, plugin_is_told_about_itself_and_has_its_environment) {
    plugin(
        "printf %s \"$KUBERNETES_EXEC_INFO\" > info; printf %s \"$A-$1-$HOME\" > told; cat > "
        "input; " +
        print(R"({"token":"t"})")
    );
    config.exec->arguments = {"x y"};
    config.exec->environment = {{"A", "b"}, {"HOME", "/h"}};
    start();
    EXPECT_EQ(authorization(), "Bearer t");
    EXPECT_EQ(read("told"), "b-x y-/h");
    EXPECT_EQ(read("input"), "");
    EXPECT_THAT(read("info"), HasSubstr("\"interactive\":false"));
}

TEST_F(credentials_test, plugin_that_fails_says_why) {
    start();
    const auto problem_of = [&](const std::string& script) {
        plugin(script);
        start();
        return authorization();
    };
    EXPECT_THAT(problem_of("exit 3"), HasSubstr("ended with status 3"));
    EXPECT_THAT(problem_of("kill -9 $$"), HasSubstr("was killed by signal 9"));
    EXPECT_THAT(
        problem_of("echo secret"),
        testing::AllOf(HasSubstr("is not JSON"), testing::Not(HasSubstr("secret")))
    );
    EXPECT_THAT(problem_of("cat /dev/zero"), HasSubstr("writes too much"));
    timing.plugin = 100ms;
    EXPECT_THAT(problem_of("sleep 60"), HasSubstr("did not end in time"));
    EXPECT_THAT(problem_of("exec >&-; sleep 60"), HasSubstr("did not end in time"));
}

TEST_F(credentials_test, plugin_that_is_not_there_says_how_to_get_it) {
    plugin("");
    config.exec->command = files.path("missing");
    config.exec->install_hint = "install it so";
    start();
    EXPECT_THAT(authorization(), HasSubstr("No such file or directory: install it so"));
}

TEST_F(credentials_test, plugin_that_fails_is_left_in_peace_for_a_while) {
    timing.plugin_pause = 1h;
    plugin("exit 1");
    start();
    for (int i = 0; i < 3; ++i) EXPECT_THAT(authorization(), HasSubstr("ended with status 1"));
    EXPECT_EQ(runs(), 1);
}

TEST_F(credentials_test, valid_token_outlives_a_plugin_that_fails) {
    timing.plugin_leeway = 1h;
    plugin(
        "if [ $RUN -gt 1 ]; then exit 1; fi\n" +
        std::string("THEN=$(date -u -d '+30 minutes' +%Y-%m-%dT%H:%M:%SZ)\n") +
        print(R"({"token":"t","expirationTimestamp":"'$THEN'"})")
    );
    start();
    EXPECT_EQ(authorization(), "Bearer t");
    EXPECT_EQ(authorization(), "Bearer t");
}

TEST_F(credentials_test, program_is_killed_with_its_owner) {
    plugin("echo $$ > pid; sleep 60");
    start();
    std::optional<error> ended;
    boost::asio::co_spawn(
        everything.io,
        subject->current(),
        [&](const std::exception_ptr&, const result<credential>& c) {
            if (c.has_error()) ended = c.error();
        }
    );
    ASSERT_TRUE(everything.run_until([&] { return !read("pid").empty(); }));
    subject.reset();
    ASSERT_TRUE(everything.run_until([&] { return ended.has_value(); }));
    EXPECT_EQ(ended->kind, error_kind::stopped);
    EXPECT_NE(::kill(std::stoi(read("pid")), 0), 0);
}

TEST_F(credentials_test, token_of_its_own_comes_before_a_plugins) {
    plugin(print(R"({"token":"plugin"})"));
    config.token = "own";
    start();
    EXPECT_EQ(authorization(), "Bearer own");
}

TEST_F(credentials_test, certificate_of_a_plugin_makes_a_new_context) {
    const auto ca = certificate::authority("ca");
    const auto quoted = [](const std::string& pem) { return json::serialize(json::value(pem)); };
    for (const auto* name : {"1", "2"}) {
        const auto identity = ca.issue(name, "");
        files.write(
            name,
            std::string(R"({"kind":"ExecCredential","apiVersion":")") + v1 +
                R"(","status":{"clientCertificateData":)" + quoted(identity.certificate_pem()) +
                R"(,"clientKeyData":)" + quoted(identity.key_pem()) + "}}"
        );
    }
    plugin("cat $RUN");
    config.tls = true;
    config.ca.text = ca.certificate_pem();
    start();
    const auto first = current();
    ASSERT_TRUE(first.has_value()) << to_string(first.error());
    EXPECT_EQ(current()->tls, first->tls);
    EXPECT_EQ(current()->tls_generation, first->tls_generation);
    subject->refused(pgw::base::clock::now());
    const auto second = current();
    ASSERT_TRUE(second.has_value()) << to_string(second.error());
    EXPECT_NE(second->tls, first->tls);
    EXPECT_GT(second->tls_generation, first->tls_generation);
}

TEST_F(credentials_test, certificates_that_cannot_be_read_again_stay) {
    const auto ca = certificate::authority("ca");
    config.tls = true;
    config.ca.file = files.write("ca.crt", ca.certificate_pem());
    timing.files = 0ms;
    start();
    const auto first = current();
    ASSERT_TRUE(first.has_value()) << to_string(first.error());
    files.write("ca.crt", "rubbish");
    EXPECT_EQ(current()->tls_generation, first->tls_generation);
    files.write("ca.crt", certificate::authority("other").certificate_pem());
    EXPECT_GT(current()->tls_generation, first->tls_generation);
}

}  // namespace
