// Events and errors as the server writes them, and as it should not.
#include "common/kube/watch_event.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace pgw::kube;
using namespace std::chrono_literals;

watch_event decode(const char* text) {
    return decode_watch_event(std::move(json::parse(text).as_object()));
}
error status(const char* text, int code = 0) {
    return decode_status(json::parse(text).as_object(), code);
}

TEST(watch_event, object_and_version_are_taken_out) {
    const auto event =
        decode(R"({"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"7"}}})");
    EXPECT_EQ(event.type, "MODIFIED");
    EXPECT_EQ(event.resource_version, "7");
    EXPECT_EQ(event.object.at("metadata").at("name"), "a");
    EXPECT_FALSE(event.status);
}

TEST(watch_event, error_carries_its_status) {
    const auto event = decode(
        R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"m"}})"
    );
    ASSERT_TRUE(event.status);
    EXPECT_EQ(event.status->kind, error_kind::expired);
    EXPECT_EQ(event.status->code, 410);
    EXPECT_EQ(event.status->message, "m");
}

TEST(watch_event, what_is_no_event_ends_the_stream) {
    for (const auto* text :
         {"{}",
          R"({"type":"ADDED"})",
          R"({"type":5,"object":{}})",
          R"({"type":"ADDED","object":[]})",
          R"({"type":"","object":{}})",
          R"({"object":{"metadata":{"resourceVersion":"1"}}})"}) {
        const auto event = decode(text);
        EXPECT_EQ(event.type, "ERROR") << text;
        EXPECT_TRUE(event.status) << text;
    }
}

TEST(watch_event, version_of_another_type_is_none) {
    EXPECT_EQ(
        decode(R"({"type":"ADDED","object":{"metadata":{"resourceVersion":7}}})").resource_version,
        ""
    );
    EXPECT_EQ(decode(R"({"type":"ADDED","object":{"metadata":[]}})").resource_version, "");
}

TEST(watch_event, kinds_of_a_status) {
    const std::tuple<const char*, int, error_kind> rows[] = {
        {R"({"code":410,"reason":"Gone"})", 0, error_kind::expired},
        {R"({"reason":"Expired"})", 0, error_kind::expired},
        {R"({"code":410})", 0, error_kind::expired},
        {R"({"code":504,"reason":"Timeout","details":{"causes":[
             {"reason":"ResourceVersionTooLarge","message":"m"}]}})",
         0,
         error_kind::too_large_version},
        {R"({"code":504,"message":"Too large resource version: 5, current: 4"})",
         0,
         error_kind::too_large_version},
        {R"({"code":504,"reason":"Timeout"})", 0, error_kind::unavailable},
        {R"({"code":500,"reason":"InternalError"})", 0, error_kind::unavailable},
        {R"({"code":409,"reason":"AlreadyExists"})", 0, error_kind::already_exists},
        {R"({"code":409,"reason":"Conflict"})", 0, error_kind::conflict},
        {R"({"code":403,"reason":"Forbidden"})", 0, error_kind::forbidden},
        {R"({"code":403,"reason":"Forbidden","details":{"causes":[
             {"reason":"NamespaceTerminating"}]}})",
         0,
         error_kind::namespace_ends},
        {R"({"code":401})", 0, error_kind::unauthorized},
        {R"({"code":404})", 0, error_kind::not_found},
        {R"({"code":422})", 0, error_kind::invalid},
        {R"({"code":400})", 0, error_kind::invalid},
        {R"({"code":429})", 0, error_kind::throttled},
        {R"({})", 429, error_kind::throttled},
        {R"({"code":"x","reason":5,"message":[],"details":[]})", 503, error_kind::unavailable},
        {R"({"code":99999})", 0, error_kind::unavailable},
    };
    for (const auto& [text, code, kind] : rows) EXPECT_EQ(status(text, code).kind, kind) << text;
}

TEST(watch_event, waiting_time_of_a_status_is_bounded) {
    EXPECT_EQ(status(R"({"code":429,"details":{"retryAfterSeconds":3}})").retry_after, 3s);
    EXPECT_EQ(
        status(R"({"code":429,"details":{"retryAfterSeconds":-3}})").retry_after, std::nullopt
    );
    const auto long_wait =
        status(R"({"code":429,"details":{"retryAfterSeconds":9223372036854775807}})").retry_after;
    ASSERT_TRUE(long_wait);
    EXPECT_LE(*long_wait, 24h);
}

TEST(watch_event, listed_objects_are_told_what_they_are) {
    const resource_type type{"apps", "v1", "deployments", "Deployment"};
    auto bare = json::parse(R"({"metadata":{}})").as_object();
    complete_listed_object(bare, type);
    EXPECT_EQ(bare.at("apiVersion"), "apps/v1");
    EXPECT_EQ(bare.at("kind"), "Deployment");
    auto whole = json::parse(R"({"apiVersion":"x/v2","kind":"Y"})").as_object();
    complete_listed_object(whole, type);
    EXPECT_EQ(whole.at("apiVersion"), "x/v2");
}

TEST(watch_event, query_encodes_selectors) {
    const watch_action action{"10", 250s, 255s};
    EXPECT_EQ(
        watch_query(action, "", ""),
        "watch=1&allowWatchBookmarks=true&timeoutSeconds=250&resourceVersion=10"
    );
    EXPECT_EQ(
        watch_query(action, "a in (b,c)", "metadata.name=x&y"),
        "watch=1&allowWatchBookmarks=true&timeoutSeconds=250&resourceVersion=10"
        "&labelSelector=a%20in%20%28b%2Cc%29&fieldSelector=metadata.name%3Dx%26y"
    );
}

}  // namespace
