// What a credential plug-in is told, and its answers.
#include "common/kube/exec_credential.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace {

using namespace pgw::kube;
using testing::HasSubstr;
namespace json = boost::json;

constexpr const char* v1 = "client.authentication.k8s.io/v1";

std::string answer(const std::string& status) {
    return std::string(R"({"kind":"ExecCredential","apiVersion":")") + v1 + R"(","status":)" +
           status + "}";
}

std::string problem(const std::string& text) {
    const auto parsed = parse_exec_credential(text, v1);
    const auto* what = std::get_if<std::string>(&parsed);
    return what == nullptr ? "no problem" : *what;
}

TEST(exec_credential, token_with_expiry) {
    const auto parsed = parse_exec_credential(
        answer(R"({"token":"abc","expirationTimestamp":"2030-01-02T03:04:05Z"})"), v1
    );
    const auto& made = std::get<exec_credential>(parsed);
    EXPECT_EQ(made.token, "abc");
    EXPECT_EQ(made.expires, std::chrono::system_clock::from_time_t(1893553445));
}

TEST(exec_credential, certificate_with_key) {
    const auto parsed =
        parse_exec_credential(answer(R"({"clientCertificateData":"C","clientKeyData":"K"})"), v1);
    const auto& made = std::get<exec_credential>(parsed);
    EXPECT_EQ(made.certificate, "C");
    EXPECT_EQ(made.key, "K");
    EXPECT_EQ(made.token, "");
    EXPECT_EQ(made.expires, std::nullopt);
}

TEST(exec_credential, refused) {
    EXPECT_THAT(problem(""), HasSubstr("is not JSON"));
    EXPECT_THAT(problem(std::string(100'000, '[')), HasSubstr("is not JSON"));
    EXPECT_THAT(problem("[]"), HasSubstr("no ExecCredential"));
    EXPECT_THAT(problem(R"({"kind":"Secret"})"), HasSubstr("no ExecCredential"));
    EXPECT_THAT(
        problem(R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"})"),
        HasSubstr("not of the version client.authentication.k8s.io/v1")
    );
    EXPECT_THAT(problem(answer("null")), HasSubstr("has no status"));
    EXPECT_THAT(problem(answer("{}")), HasSubstr("neither a token nor a certificate"));
    EXPECT_THAT(problem(answer(R"({"token":5})")), HasSubstr("neither a token"));
    EXPECT_THAT(problem(answer(R"({"clientKeyData":"K"})")), HasSubstr("without"));
    EXPECT_THAT(
        problem(answer(R"({"token":"secret\r\nX: y"})")),
        testing::AllOf(HasSubstr("control character"), testing::Not(HasSubstr("secret")))
    );
    EXPECT_THAT(
        problem(answer(R"({"token":"a","expirationTimestamp":"tomorrow"})")),
        HasSubstr("expirationTimestamp is no time")
    );
}

TEST(exec_credential, times) {
    const auto at = [](std::time_t t) {
        return std::optional(std::chrono::system_clock::from_time_t(t));
    };
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), at(0));
    EXPECT_EQ(parse_rfc3339("1970-01-01T02:00:00.999+02:00"), at(0));
    EXPECT_EQ(parse_rfc3339("1969-12-31T19:30:00-04:30"), at(0));
    EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), at(1709164800));
    for (const auto* text :
         {"",
          "2024",
          "2024-02-30T00:00:00Z",
          "2023-02-29T00:00:00Z",
          "2024-13-01T00:00:00Z",
          "2024-01-01T24:00:00Z",
          "2024-01-01T00:60:00Z",
          "2024-01-01T00:00:00",
          "2024-01-01T00:00:00.Z",
          "2024-01-01T00:00:00+1:00",
          "2024-01-01T00:00:00Zx",
          "2024-01-01T00:00:00+02:0",
          "-024-01-01T00:00:00Z",
          "9999-01-01T00:00:00Z",
          "2024-01-01T00:00:-1Z"}) {
        EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
    }
}

TEST(exec_credential, information_about_the_cluster_is_given_where_it_is_asked_for) {
    client_config config;
    config.host = "fd00::1";
    config.port = 6443;
    config.path_prefix = "/p";
    config.server_name = "api";
    config.exec.emplace();
    config.exec->api_version = v1;
    config.exec->cluster_extension = R"({"audience":"x"})";
    EXPECT_EQ(
        json::parse(exec_info(config, "CA")),
        json::parse(R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
                        "spec":{"interactive":false}})")
    );
    config.exec->provide_cluster_info = true;
    EXPECT_EQ(
        json::parse(exec_info(config, "CA")),
        json::parse(R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
                        "spec":{"interactive":false,"cluster":{"server":"https://[fd00::1]:6443/p",
                        "tls-server-name":"api","certificate-authority-data":"Q0E=",
                        "config":{"audience":"x"}}}})")
    );
}

}  // namespace
