// Reading workers' status.
#include "operator/controllers/protocol_gateway/report.hpp"

#include <gtest/gtest.h>

namespace pgw::controllers {
namespace {

TEST(report, reads_what_decisions_need) {
    const auto report = parse_report(
        R"({"version": "1.2.3", "stage": "Ready", "revision": "abc", "configHash": "ff",
        "clients": 12, "earliestCertificateExpiry": 99,
        "upstreams": {"bus": {"connections": 2, "connected": 2, "linksReady": true, "routed": true},
                      "spare": {"connections": 1, "connected": 0, "linksReady": true, "error": "refused"}},
        "missing": [{"path": "spec.listeners[0].tls.secretRef", "secret": "tls", "key": "tls.crt", "problem": "no such file"}]})"
    );
    ASSERT_TRUE(report);
    EXPECT_EQ(report->version, "1.2.3");
    EXPECT_EQ(report->revision, "abc");
    EXPECT_EQ(report->clients, 12);
    ASSERT_EQ(report->upstreams.size(), 2u);
    EXPECT_TRUE(report->upstreams[0].reachable);
    EXPECT_FALSE(report->upstreams[1].reachable);
    EXPECT_EQ(report->upstreams[1].error, "refused");
    EXPECT_EQ(report->upstreams_reachable(), true);  // the one that is not is not routed
    ASSERT_EQ(report->missing.size(), 1u);
    EXPECT_EQ(report->missing[0].text, "Secret 'tls', key 'tls.crt': no such file");
}

TEST(report, an_upstream_is_reachable_when_every_connection_and_link_of_it_is) {
    const auto reachable = [](const char* upstream) {
        return parse_report(
                   std::string(R"({"stage": "Ready", "upstreams": {"a": )") + upstream + "}}"
        )
            ->upstreams_reachable();
    };
    EXPECT_EQ(
        reachable(R"({"connections": 2, "connected": 2, "linksReady": true, "routed": true})"), true
    );
    EXPECT_EQ(
        reachable(R"({"connections": 2, "connected": 1, "linksReady": true, "routed": true})"),
        false
    );
    EXPECT_EQ(
        reachable(R"({"connections": 2, "connected": 2, "linksReady": false, "routed": true})"),
        false
    );
    EXPECT_EQ(
        reachable(R"({"connections": 0, "connected": 0, "linksReady": true, "routed": true})"),
        false
    );
    EXPECT_EQ(reachable(R"({"connections": 1, "connected": 0, "linksReady": true})"), std::nullopt);
}

TEST(report, what_is_no_status_is_none) {
    for (const auto* text : {"", "{", "[]", "7", "{}", R"({"stage": 1})", "<html>"}) {
        EXPECT_FALSE(parse_report(text)) << text;
    }
}

TEST(report, is_bounded) {
    std::string text = R"({"stage": "Ready", "upstreams": {)";
    for (int i = 0; i < 500; ++i)
        text += (i > 0 ? "," : "") + ("\"u" + std::to_string(i)) + "\": {}";
    EXPECT_EQ(parse_report(text + "}}")->upstreams.size(), 64u);
}

}  // namespace
}  // namespace pgw::controllers
