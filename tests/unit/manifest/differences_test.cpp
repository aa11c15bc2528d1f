// Which changes a running worker takes over, and what is said of the others.
#include "common/manifest/project/differences.hpp"

#include "common/manifest/read/read.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace pgw::manifest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

listener listener_at(std::uint16_t port) {
    listener value;
    value.name = "mqtt";
    value.port = port;
    return value;
}

gateway base() {
    gateway value;
    value.name = "g";
    value.listeners.push_back(listener_at(1883));
    value.authentication.emplace_back().name = "anyone";
    auto& up = value.upstreams.emplace_back();
    up.name = "up";
    up.endpoints = {{false, "localhost", 5672}};
    auto& route = value.routes.publish.emplace_back();
    route.name = "r";
    route.match_topic = "{*rest}";
    route.upstream = "up";
    return value;
}

std::vector<std::string> after(const std::function<void(gateway&)>& change) {
    auto changed = base();
    change(changed);
    return roll_differences(base(), changed);
}

// A field that is marked live needs code in the worker that takes it over.
TEST(differences, the_live_fields_are_those_that_the_worker_takes_over) {
    EXPECT_THAT(
        live_fields(), UnorderedElementsAre("spec.limits.maxConnections", "spec.logging.level")
    );
}

TEST(differences, live_fields_may_differ) {
    EXPECT_THAT(after([](gateway&) {}), IsEmpty());
    EXPECT_THAT(after([](gateway& g) { g.logging.level = base::log_level::debug; }), IsEmpty());
    EXPECT_THAT(after([](gateway& g) { g.limits.max_connections = 7; }), IsEmpty());
}

TEST(differences, fields_of_the_operator_may_differ) {
    EXPECT_THAT(after([](gateway& g) { g.shards = 7; }), IsEmpty());
}

TEST(differences, others_are_named_with_their_place) {
    EXPECT_THAT(after([](gateway& g) { g.name = "h"; }), ElementsAre("metadata.name"));
    EXPECT_THAT(after([](gateway& g) { g.threads = 7; }), ElementsAre("spec.threads"));
    EXPECT_THAT(
        after([](gateway& g) { g.listeners[0].port = 7; }), ElementsAre("spec.listeners[0].port")
    );
    EXPECT_THAT(
        after([](gateway& g) { g.upstreams[0].limits.max_attempts = 7; }),
        ElementsAre("spec.upstreams[0].limits.maxAttempts")
    );
    EXPECT_THAT(
        after([](gateway& g) { g.logging.format = base::log_format::json; }),
        ElementsAre("spec.logging.format")
    );
    EXPECT_THAT(
        after([](gateway& g) {
            g.logging.level = base::log_level::debug;
            g.routes.publish[0].address = "x";
            g.admin.port = 7;
        }),
        UnorderedElementsAre("spec.routes.publish[0].to.address", "spec.admin.port")
    );
}

TEST(differences, a_list_of_another_length_is_named_as_a_whole) {
    EXPECT_THAT(
        after([](gateway& g) { g.listeners.push_back(listener_at(1884)); }),
        ElementsAre("spec.listeners")
    );
}

TEST(differences, what_is_added_or_taken_away_is_named) {
    auto with = base();
    with.listeners[0].tls = listener_tls{{"cert"}, {}, {}};
    EXPECT_THAT(roll_differences(base(), with), ElementsAre("spec.listeners[0].tls"));
    EXPECT_THAT(roll_differences(with, base()), ElementsAre("spec.listeners[0].tls"));
}

}  // namespace
}  // namespace pgw::manifest
