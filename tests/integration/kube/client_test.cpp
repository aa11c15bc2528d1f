// The client's verbs and errors against a server that follows a script.
#include "common/kube/client.hpp"

#include "tests/integration/kube/harness.hpp"
#include "tests/support/certificates.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace {

using namespace pgw::kube;
using namespace pgw::test;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct client_test : testing::Test {
    ~client_test() override {
        api.reset();
        EXPECT_TRUE(everything.run_out());
    }

    client& connect(client_config config) {
        client_options options;
        options.user_agent = "test/1";
        options.timeout = timeout;
        options.credentials.files = 0ms;
        api.emplace(everything.io, std::move(config), options, pgw::base::logger());
        return *api;
    }
    client& connect() { return connect(config_for(server)); }

    result<json::value> get(const std::string& name) {
        return everything.get(api->get(gateways, "ns", name));
    }
    result<json::value> create(const std::string& name) {
        json::value object{{"metadata", {{"name", name}}}};
        return everything.get(api->create(gateways, "ns", std::move(object)));
    }
    error failure(const result<json::value>& outcome) {
        if (outcome.has_error()) return outcome.error();
        ADD_FAILURE() << "no error";
        return {};
    }

    scripted_api_server server;
    loop everything;
    temporary_directory files;
    pgw::base::milliseconds timeout{5'000};
    std::optional<client> api;
};

TEST_F(client_test, get_says_who_asks) {
    auto config = config_for(server);
    config.token = "abc";
    config.impersonate_user = "alice";
    config.impersonate_groups = {"g1", "g2"};
    config.impersonate_extra = {{"a/b", {"v"}}};
    config.path_prefix = "/prefix";
    server.expect("GET", "/prefix" + std::string(gateways_path) + "/a")
        .answer(200, object_of("a", "1"));
    connect(config);
    const auto got = get("a");
    ASSERT_TRUE(got.has_value()) << to_string(got.error());
    EXPECT_EQ(got->at("metadata").at("name"), "a");
    const auto request = server.requests().at(0);
    EXPECT_EQ(request.header("Authorization"), "Bearer abc");
    EXPECT_EQ(request.header("User-Agent"), "test/1");
    EXPECT_EQ(request.header("Impersonate-User"), "alice");
    EXPECT_EQ(request.header("Impersonate-Group"), "g1");
    EXPECT_EQ(request.header("Impersonate-Extra-a%2Fb"), "v");
}

TEST_F(client_test, basic_authentication) {
    auto config = config_for(server);
    config.user_name = "user";
    config.password = "p:w";
    server.expect("GET", "/a").answer(200, "{}");
    connect(config);
    EXPECT_TRUE(get("a").has_value());
    EXPECT_EQ(server.requests().at(0).header("Authorization"), "Basic dXNlcjpwOnc=");
}

TEST_F(client_test, conflict_is_not_already_exists) {
    server.expect("POST", gateways_path).answer(409, status_body(409, "AlreadyExists"));
    server.expect("POST", gateways_path).answer(409, status_body(409, "Conflict"));
    server.expect("POST", gateways_path).answer(409, "not a status");
    connect();
    EXPECT_EQ(failure(create("a")).kind, error_kind::already_exists);
    EXPECT_EQ(failure(create("a")).kind, error_kind::conflict);
    const auto other = failure(create("a"));
    EXPECT_EQ(other.kind, error_kind::conflict);
    EXPECT_EQ(other.message, "not a status");
}

TEST_F(client_test, answers_become_errors) {
    const std::pair<int, error_kind> rows[] = {
        {404, error_kind::not_found},
        {403, error_kind::forbidden},
        {422, error_kind::invalid},
        {410, error_kind::expired},
        {500, error_kind::unavailable},
        {503, error_kind::unavailable},
        {429, error_kind::throttled},
    };
    for (const auto& [code, kind] : rows) server.expect("GET", "/a").answer(code, "");
    connect();
    for (const auto& [code, kind] : rows) {
        const auto failed = failure(get("a"));
        EXPECT_EQ(failed.kind, kind) << code;
        EXPECT_EQ(failed.code, code);
    }
    EXPECT_EQ(server.connections(), 1u);
}

TEST_F(client_test, retry_after_is_waited_for_and_given_up_after_ten) {
    for (int i = 0; i < 11; ++i) {
        server.expect("GET", "/a")
            .answer(429, status_body(429, "TooManyRequests"), "Retry-After: 0\r\n");
    }
    connect();
    EXPECT_EQ(failure(get("a")).kind, error_kind::throttled);
    EXPECT_TRUE(server.exhausted());
}

TEST_F(client_test, connection_that_was_closed_between_requests_is_replaced) {
    server.expect("GET", "/a").answer(200, "{}").close();
    server.expect("GET", "/b").answer(200, "{}").close();
    connect();
    EXPECT_TRUE(get("a").has_value());
    EXPECT_TRUE(get("b").has_value());
    EXPECT_EQ(server.connections(), 2u);
}

TEST_F(client_test, kept_connection_that_closes_under_a_get_is_replaced) {
    server.expect("GET", "/a").answer(200, "{}");
    server.expect("GET", "/b").close();
    server.expect("GET", "/b").answer(200, "{}");
    connect();
    EXPECT_TRUE(get("a").has_value());
    EXPECT_TRUE(get("b").has_value());
}

TEST_F(client_test, kept_connection_that_closes_under_a_create_is_an_error) {
    server.expect("GET", "/a").answer(200, "{}");
    server.expect("POST", gateways_path).close();
    connect();
    EXPECT_TRUE(get("a").has_value());
    EXPECT_EQ(failure(create("b")).kind, error_kind::transport);
    EXPECT_TRUE(server.exhausted());
}

TEST_F(client_test, answer_that_never_comes_times_out) {
    timeout = 100ms;
    server.expect("GET", "/a").silence();
    server.expect("GET", "/b").bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{").silence();
    connect();
    EXPECT_EQ(failure(get("a")).kind, error_kind::transport);
    EXPECT_EQ(failure(get("b")).kind, error_kind::transport);
}

TEST_F(client_test, malformed_answers_are_errors) {
    for (const auto* raw :
         {"nonsense\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{",
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{x}"}) {
        server.expect("GET", "/a").bytes(raw).close();
    }
    connect();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(failure(get("a")).kind, error_kind::transport) << i;
}

TEST_F(client_test, endless_head_and_body_are_cut) {
    server.expect("GET", "/a")
        .bytes("HTTP/1.1 200 OK\r\nX: " + std::string(200'000, 'x'))
        .silence();
    server.expect("GET", "/b").answer(200, std::string((std::size_t{64} << 20) + 1, ' ')).silence();
    connect();
    EXPECT_EQ(failure(get("a")).kind, error_kind::transport);
    EXPECT_THAT(failure(get("b")).message, HasSubstr("larger than"));
}

TEST_F(client_test, refused_connection_is_an_error) {
    std::uint16_t port = 0;
    {
        const scripted_api_server gone;
        port = gone.port();
    }
    auto config = config_for(server);
    config.port = port;
    connect(config);
    EXPECT_EQ(failure(get("a")).kind, error_kind::transport);
}

TEST_F(client_test, token_that_expired_is_read_again) {
    auto config = config_for(server);
    config.token_file = files.write("token", "old\n");
    server.expect("GET", "/a").answer(200, "{}");
    server.expect("GET", "/b").answer(401, status_body(401, "Unauthorized"));
    server.expect("GET", "/b").answer(200, "{}");
    connect(config);
    EXPECT_TRUE(get("a").has_value());
    files.write("token", "new\n");
    EXPECT_TRUE(get("b").has_value());
    const auto requests = server.requests();
    EXPECT_EQ(requests.at(1).header("Authorization"), "Bearer old");
    EXPECT_EQ(requests.at(2).header("Authorization"), "Bearer new");
}

TEST_F(client_test, token_that_stays_wrong_is_an_error) {
    auto config = config_for(server);
    config.token_file = files.write("token", "old\n");
    server.expect("GET", "/a").answer(401, status_body(401, "Unauthorized"));
    server.expect("GET", "/a").answer(401, status_body(401, "Unauthorized"));
    connect(config);
    EXPECT_EQ(failure(get("a")).kind, error_kind::unauthorized);
    EXPECT_TRUE(server.exhausted());
}

TEST_F(client_test, stop_ends_requests_under_way_and_later_ones) {
    server.expect("GET", "/a").silence();
    connect();
    std::optional<result<json::value>> done;
    boost::asio::co_spawn(
        everything.io,
        api->get(gateways, "ns", "a"),
        [&](const std::exception_ptr&, result<json::value> outcome) { done = std::move(outcome); }
    );
    ASSERT_TRUE(everything.run_until([&] { return server.exhausted(); }));
    api->stop();
    ASSERT_TRUE(everything.run_until([&] { return done.has_value(); }));
    EXPECT_EQ(failure(*done).kind, error_kind::stopped);
    EXPECT_EQ(failure(get("b")).kind, error_kind::stopped);
}

TEST_F(client_test, authority_that_changes) {
    const auto one = certificate::authority("one");
    const auto two = certificate::authority("two");
    const auto first = one.issue("api", "IP:127.0.0.1");
    const auto second = two.issue("api", "IP:127.0.0.1");
    scripted_api_server secure(first.certificate_pem(), first.key_pem());
    secure.expect("GET", "/a").answer(200, "{}").close();
    secure.expect("GET", "/c").answer(200, "{}");
    secure.expect("GET", "/d").answer(200, "{}");
    auto config = config_for(secure);
    config.tls = true;
    config.ca.file = files.write("ca.crt", one.certificate_pem());
    connect(config);
    EXPECT_TRUE(get("a").has_value());
    // The server is renewed first: nobody trusts it yet.
    secure.identify_as(second.certificate_pem(), second.key_pem());
    EXPECT_THAT(failure(get("b")).message, HasSubstr("certificate verify failed"));
    files.write("ca.crt", two.certificate_pem());
    EXPECT_TRUE(get("c").has_value());
    // A kept connection is not used after the authorities changed again.
    files.write("ca.crt", two.certificate_pem() + one.certificate_pem());
    const auto before = secure.connections();
    EXPECT_TRUE(get("d").has_value());
    EXPECT_EQ(secure.connections(), before + 1);
    EXPECT_THAT(secure.problems(), ElementsAre());
    api.reset();
    EXPECT_TRUE(everything.run_out());
}

TEST_F(client_test, server_of_another_name_is_not_trusted_unless_it_is_told) {
    const auto ca = certificate::authority("ca");
    const auto identity = ca.issue("api", "DNS:api.example");
    scripted_api_server secure(identity.certificate_pem(), identity.key_pem());
    secure.expect("GET", "/b").answer(200, "{}");
    secure.expect("GET", "/c").answer(200, "{}");
    auto config = config_for(secure);
    config.tls = true;
    config.ca.text = ca.certificate_pem();
    connect(config);
    EXPECT_EQ(failure(get("a")).kind, error_kind::transport);
    config.server_name = "api.example";
    connect(config);
    EXPECT_TRUE(get("b").has_value());
    config.server_name.clear();
    config.ca = {};
    config.insecure_skip_tls_verify = true;
    connect(config);
    EXPECT_TRUE(get("c").has_value());
}

TEST_F(client_test, files_that_are_missing_say_so) {
    auto config = config_for(server);
    config.tls = true;
    config.ca.file = files.path("missing");
    connect(config);
    const auto failed = failure(get("a"));
    EXPECT_EQ(failed.kind, error_kind::unauthorized);
    EXPECT_EQ(failed.message, files.path("missing") + ": No such file or directory");
}

TEST_F(client_test, long_answer_to_a_watch_is_cut) {
    server.expect("GET", "watch=1").answer(500, std::string(2 << 20, ' ')).silence();
    connect();
    const auto ended = everything.get(
        api->watch_stream(gateways, "ns", "watch=1", 5s, [](json::object&&) { return true; })
    );
    ASSERT_TRUE(ended.has_error());
    EXPECT_THAT(ended.error().message, HasSubstr("larger than"));
}

TEST_F(client_test, endless_event_is_cut) {
    auto& answer = server.expect("GET", "watch=1").stream();
    for (int i = 0; i < 9; ++i) answer.chunk(std::string(1 << 20, ' '));
    answer.silence();
    connect();
    const auto ended = everything.get(
        api->watch_stream(gateways, "ns", "watch=1", 5s, [](json::object&&) { return true; })
    );
    ASSERT_TRUE(ended.has_error());
    EXPECT_THAT(ended.error().message, HasSubstr("too long"));
}

}  // namespace
