// Certificates and credentials that are missing, come, change and go.
#include "worker/server/secret_watch.hpp"

#include "common/manifest/generate/print.hpp"
#include "common/manifest/read/read.hpp"
#include "tests/support/certificates.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace pgw::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

manifest::gateway gateway_with_secrets() {
    manifest::gateway gateway;
    auto& listener = gateway.listeners.emplace_back();
    listener.name = "mqtts";
    listener.tls = manifest::listener_tls{
        {"cert"}, manifest::client_auth_mode::required, manifest::key_ref{"clients", "ca.crt"}
    };
    auto& upstream = gateway.upstreams.emplace_back();
    upstream.name = "bus";
    upstream.endpoints = {{true, "bus.example", 5671}};
    upstream.sasl = {manifest::sasl_mechanism::plain, manifest::secret_ref{"login"}};
    upstream.tls = manifest::upstream_tls{
        manifest::secret_ref{"own"}, manifest::key_ref{"trust", "bundle"}, {}
    };
    return gateway;
}

std::vector<secret_reference> all_references(const manifest::gateway& gateway) {
    auto found = references_of(gateway.listeners[0], 0).all();
    for (auto& reference : references_of(gateway.upstreams[0], 0).all()) found.push_back(reference);
    const auto login = login_of(gateway.upstreams[0], 0);
    found.push_back(login.user_name);
    found.push_back(login.password);
    return found;
}

/// What stands at `spec.listeners[0].tls` of a printed manifest.
const boost::json::value* at_path(const boost::json::value& manifest, std::string path) {
    for (std::size_t at; (at = path.find_first_of(".[]")) != std::string::npos;) path[at] = '/';
    std::string pointer;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '/' || (i + 1 < path.size() && path[i + 1] != '/')) pointer += path[i];
    }
    boost::system::error_code error;
    return manifest.find_pointer("/" + pointer, error);
}

TEST(secret_references, their_paths_are_those_of_the_manifest) {
    const auto gateway = gateway_with_secrets();
    const auto printed = boost::json::parse(manifest::print_manifest_json(gateway));
    const auto references = all_references(gateway);
    EXPECT_THAT(references, SizeIs(8));
    for (const auto& reference : references) {
        const auto* found = at_path(printed, reference.path);
        ASSERT_NE(found, nullptr) << reference.path;
        EXPECT_EQ(found->at("name").as_string(), reference.secret) << reference.path;
    }
}

class secret_watch_test : public ::testing::Test {
protected:
    std::vector<std::string> keys() const {
        std::vector<std::string> found;
        for (const auto& problem : watch.problems()) {
            found.push_back(problem.reference.secret + "/" + problem.reference.key);
        }
        return found;
    }
    void write_pair(const std::string& secret, const test::certificate& certificate) {
        folder.write(secret + "/tls.crt", certificate.certificate_pem());
        folder.write(secret + "/tls.key", certificate.key_pem());
    }
    std::size_t logged(const std::string& what) const {
        std::size_t count = 0;
        for (auto at = log.find(what); at != std::string::npos; at = log.find(what, at + 1))
            ++count;
        return count;
    }

    test::temporary_directory folder;
    test::certificate authority = test::certificate::authority("CA");
    std::string log;
    std::shared_ptr<base::log_sink> sink = std::make_shared<base::log_sink>(
        base::log_level::info,
        base::log_format::json,
        [this](std::string_view line) { log += line; }
    );
    secret_watch watch{secrets(folder.path()), base::logger(sink)};
    manifest::gateway gateway = gateway_with_secrets();
    amqp::uplink_settings settings;
};

TEST_F(secret_watch_test, a_plain_gateway_needs_nothing) {
    manifest::listener listener;
    manifest::upstream upstream;
    EXPECT_EQ(watch.add(listener, 0), nullptr);
    watch.add(upstream, 0, settings);
    watch.check();
    EXPECT_THAT(watch.problems(), IsEmpty());
    EXPECT_EQ(settings.secrets, nullptr);
    EXPECT_EQ(settings.tls, nullptr);
}

TEST_F(secret_watch_test, keys_and_passwords_that_are_badly_kept_are_used_and_said_once) {
    watch.add(gateway.listeners[0], 0);
    watch.add(gateway.upstreams[0], 0, settings);
    write_pair("cert", authority.issue("localhost", "DNS:localhost"));
    write_pair("own", authority.issue("gateway", ""));
    folder.write("clients/ca.crt", authority.certificate_pem());
    folder.write("trust/bundle", authority.certificate_pem());
    folder.write("login/username", "me");
    folder.write("login/password", "\n");
    for (const auto* file : {"cert/tls.key", "own/tls.key", "login/password"}) {
        std::filesystem::permissions(folder.path(file), std::filesystem::perms(0640));
    }
    std::filesystem::permissions(folder.path("own/tls.key"), std::filesystem::perms(0644));
    watch.check();
    watch.check();
    EXPECT_THAT(watch.problems(), IsEmpty());
    EXPECT_EQ(logged("secret badly kept"), 2u) << log;
    EXPECT_THAT(log, HasSubstr("/own/tls.key"));
    EXPECT_THAT(log, HasSubstr("/login/password\",\"problem\":\"it is empty"));
    EXPECT_EQ(settings.secrets->get().password, "");
}

TEST_F(secret_watch_test, a_listeners_certificate_may_come_later) {
    const auto tls = watch.add(gateway.listeners[0], 0);
    watch.check();
    EXPECT_THAT(keys(), ElementsAre("cert/tls.crt", "cert/tls.key", "clients/ca.crt"));
    EXPECT_EQ(watch.problems()[2].reference.path, "spec.listeners[0].tls.clientAuth.caSecretRef");
    EXPECT_EQ(watch.problems()[2].problem, "not found");
    EXPECT_THAT(watch.describe_problems(), HasSubstr("(" + folder.path() + "/cert/tls.crt)"));
    EXPECT_FALSE(tls->loaded());

    write_pair("cert", authority.issue("localhost", "DNS:localhost"));
    folder.write("clients/ca.crt", authority.certificate_pem());
    watch.check();
    EXPECT_THAT(watch.problems(), IsEmpty());
    EXPECT_TRUE(tls->loaded());
}

TEST_F(secret_watch_test, what_was_loaded_stays_when_its_files_go) {
    gateway.listeners[0].tls->client_auth = manifest::client_auth_mode::none;
    gateway.listeners[0].tls->client_ca.reset();
    const auto tls = watch.add(gateway.listeners[0], 0);
    write_pair("cert", authority.issue("localhost", "DNS:localhost"));
    watch.check();
    ASSERT_TRUE(tls->loaded());
    std::filesystem::remove(folder.path("cert/tls.crt"));
    watch.check();
    EXPECT_THAT(keys(), ElementsAre("cert/tls.crt"));
    EXPECT_TRUE(tls->loaded());
}

TEST_F(secret_watch_test, invalid_files_are_named_by_their_key) {
    gateway.listeners[0].tls->client_auth = manifest::client_auth_mode::none;
    gateway.listeners[0].tls->client_ca.reset();
    const auto tls = watch.add(gateway.listeners[0], 0);
    write_pair("cert", authority.issue("localhost", "DNS:localhost"));
    folder.write("cert/tls.key", authority.key_pem());
    watch.check();
    EXPECT_THAT(keys(), ElementsAre("cert/tls.key"));
    EXPECT_THAT(watch.problems()[0].problem, HasSubstr("key values mismatch"));
    folder.write("cert/tls.crt", "nonsense");
    watch.check();
    EXPECT_THAT(keys(), ElementsAre("cert/tls.crt"));
    EXPECT_THAT(watch.problems()[0].problem, ::testing::Not(HasSubstr(folder.path())));
    EXPECT_FALSE(tls->loaded());
}

TEST_F(secret_watch_test, an_upstream_waits_for_all_it_needs) {
    watch.add(gateway.upstreams[0], 0, settings);
    ASSERT_NE(settings.secrets, nullptr);
    watch.check();
    EXPECT_THAT(settings.secrets->get().problem, HasSubstr("secret 'own', key 'tls.crt'"));

    write_pair("own", authority.issue("gateway", ""));
    folder.write("trust/bundle", authority.certificate_pem());
    watch.check();
    EXPECT_EQ(settings.secrets->get().problem, "secret 'login', key 'username': not found");

    folder.write("login/username", "me\n");
    watch.check();
    EXPECT_EQ(settings.secrets->get().problem, "secret 'login', key 'password': not found");
    EXPECT_EQ(settings.secrets->get().user_name, "") << "never half a login";

    folder.write("login/password", "s3cret\n");
    watch.check();
    EXPECT_EQ(settings.secrets->get().problem, "");
    EXPECT_EQ(settings.secrets->get().user_name, "me");
    EXPECT_EQ(settings.secrets->get().password, "s3cret");
    EXPECT_TRUE(settings.tls->loaded());
}

TEST_F(secret_watch_test, credentials_change_and_stay_when_their_files_go) {
    gateway.upstreams[0].endpoints = {{false, "localhost", 5672}};
    gateway.upstreams[0].tls.reset();
    folder.write("login/username", "me");
    folder.write("login/password", "one");
    watch.add(gateway.upstreams[0], 0, settings);
    watch.check();
    folder.write("login/password", "two");
    watch.check();
    EXPECT_EQ(settings.secrets->get().password, "two");
    std::filesystem::remove(folder.path("login/password"));
    watch.check();
    EXPECT_THAT(keys(), ElementsAre("login/password"));
    EXPECT_EQ(settings.secrets->get().password, "two");
    EXPECT_EQ(settings.secrets->get().problem, "");
}

TEST_F(secret_watch_test, a_problem_and_its_end_are_logged_once_each) {
    gateway.upstreams[0].endpoints = {{false, "localhost", 5672}};
    gateway.upstreams[0].tls.reset();
    folder.write("login/username", "me");
    watch.add(gateway.upstreams[0], 0, settings);
    for (int i = 0; i < 3; ++i) watch.check();
    EXPECT_EQ(logged("secret not usable"), 1u);
    EXPECT_THAT(log, HasSubstr("spec.upstreams[0].sasl.secretRef"));
    folder.write("login/password", "pssst");
    for (int i = 0; i < 3; ++i) watch.check();
    EXPECT_EQ(logged("secret usable"), 1u);
    EXPECT_THAT(log, ::testing::Not(HasSubstr("pssst")));
}

}  // namespace
}  // namespace pgw::server
