// Events: their JSON, and what repeats.
#include "operator/runtime/event_aggregator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using namespace pgw::runtime;
using pgw::base::time_point;
using testing::StartsWith;

struct event_aggregator_test : testing::Test {
    event_aggregator::options settings{.controller = "example.dev/operator", .instance = "pod_1"};
    event_aggregator events{settings};
    time_point now = time_point{} + 1h;
    wall_time wall = std::chrono::sys_days{std::chrono::January / 2 / 2030} + 3h;
    event what{
        .regarding = {"v1", "ConfigMap", "ns", "things", "uid-1", "17"},
        .warning = true,
        .reason = "RolloutStuck",
        .action = "RollOut",
        .note = "no pod is ready"
    };

    void pass(pgw::base::seconds d) {
        now += d;
        wall += d;
    }
    std::vector<event_write> record() { return events.on_event(what, now, wall); }
    event_write record_one() {
        auto writes = record();
        EXPECT_EQ(writes.size(), 1U);
        return writes.empty() ? event_write() : writes.front();
    }
    std::vector<event_write> expire() { return events.on_time(now); }
    static std::int64_t count(const event_write& write) {
        return write.patch().at("series").at("count").to_number<std::int64_t>();
    }
    static std::string last_observed(const event_write& write) {
        return std::string(write.patch().at("series").at("lastObservedTime").as_string());
    }
};

TEST_F(event_aggregator_test, the_first_is_created_as_the_api_wants_it) {
    const auto write = record_one();
    EXPECT_TRUE(write.create);
    EXPECT_EQ(write.ns, "ns");
    EXPECT_THAT(write.name, StartsWith("things."));
    EXPECT_EQ(write.object.at("metadata").at("name").as_string(), write.name);
    auto rest = write.object;
    rest.erase("metadata");
    EXPECT_EQ(json::value(rest), json::parse(R"({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "type": "Warning",
            "eventTime": "2030-01-02T03:00:00.000000Z",
            "reportingController": "example.dev/operator", "reportingInstance": "pod_1",
            "action": "RollOut", "reason": "RolloutStuck", "note": "no pod is ready",
            "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "ns",
                          "name": "things", "uid": "uid-1", "resourceVersion": "17"}})"));
}

TEST_F(event_aggregator_test, an_object_without_namespace_has_its_events_in_default) {
    what.regarding.ns.clear();
    const auto write = record_one();
    EXPECT_EQ(write.ns, "default");
    EXPECT_EQ(write.object.at("metadata").at("namespace").as_string(), "default");
    EXPECT_FALSE(write.object.at("regarding").as_object().contains("namespace"));
}

TEST_F(event_aggregator_test, the_second_is_written_as_a_series_and_further_ones_counted) {
    const auto first = record_one();
    pass(10s);
    what.note = "still no pod is ready";
    what.regarding.resource_version = "18";
    const auto second = record_one();
    EXPECT_FALSE(second.create);
    EXPECT_EQ(second.name, first.name);
    EXPECT_EQ(count(second), 2);
    EXPECT_EQ(last_observed(second), "2030-01-02T03:00:10.000000Z");
    EXPECT_EQ(second.patch().size(), 1U);
    // What recreates an Event that is gone.
    EXPECT_EQ(second.object.at("note").as_string(), "no pod is ready");
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(record().empty());
    EXPECT_EQ(events.series(), 1U);
}

struct difference {
    const char* name;
    void (*apply)(event&);
};
class event_aggregator_identity : public event_aggregator_test,
                                  public testing::WithParamInterface<difference> {};

TEST_P(event_aggregator_identity, what_differs_is_an_event_of_its_own) {
    const auto first = record_one();
    GetParam().apply(what);
    const auto other = record_one();
    EXPECT_TRUE(other.create);
    EXPECT_NE(first.name, other.name);
}

INSTANTIATE_TEST_SUITE_P(
    all,
    event_aggregator_identity,
    testing::Values(
        difference{"type", [](event& e) { e.warning = false; }},
        difference{"reason", [](event& e) { e.reason = "Other"; }},
        difference{"action", [](event& e) { e.action = "Other"; }},
        difference{"kind", [](event& e) { e.regarding.kind = "Secret"; }},
        difference{"object", [](event& e) { e.regarding.uid = "uid-2"; }}
    ),
    [](const auto& row) { return row.param.name; }
);

TEST_F(event_aggregator_test, a_series_that_goes_on_is_written_every_half_hour) {
    record();
    pass(60s);
    record();  // Written.
    std::vector<std::int64_t> written;
    int recorded = 2;
    for (int minute = 0; minute < 65; ++minute) {
        pass(60s);
        for (const auto& write : expire()) written.push_back(count(write));
        for (const auto& write : record()) written.push_back(count(write));
        ++recorded;
    }
    EXPECT_THAT(written, testing::ElementsAre(31, 61));
    EXPECT_EQ(recorded, 67);
}

TEST_F(event_aggregator_test, a_series_ends_in_silence_with_what_was_counted) {
    record();
    record();
    record();
    const auto last = wall;
    EXPECT_EQ(events.next(), now + 6min);
    pass(359s);
    EXPECT_TRUE(expire().empty());
    pass(1s);
    const auto writes = expire();
    ASSERT_EQ(writes.size(), 1U);
    EXPECT_EQ(count(writes.front()), 3);
    EXPECT_EQ(last_observed(writes.front()), micro_time(last));
    EXPECT_EQ(events.series(), 0U);
    EXPECT_EQ(events.next(), std::nullopt);
    EXPECT_TRUE(record_one().create);
}

TEST_F(event_aggregator_test, a_single_event_is_forgotten_without_a_write) {
    record();
    pass(360s);
    EXPECT_TRUE(expire().empty());
    EXPECT_EQ(events.series(), 0U);
}

TEST_F(event_aggregator_test, an_event_after_silence_is_a_new_one_though_no_timer_came) {
    record();
    record();
    record();
    pass(400s);
    const auto writes = record();
    ASSERT_EQ(writes.size(), 2U);
    EXPECT_EQ(count(writes[0]), 3);
    EXPECT_TRUE(writes[1].create);
    EXPECT_NE(writes[0].name, writes[1].name);
}

TEST_F(event_aggregator_test, series_are_bounded_and_the_one_longest_silent_ends) {
    settings.max_series = 2;
    event_aggregator few(settings);
    for (const auto* uid : {"1", "2", "1", "1", "3"}) {
        pass(1s);
        what.regarding.uid = uid;
        few.on_event(what, now, wall);
    }
    EXPECT_EQ(few.series(), 2U);
    what.regarding.uid = "1";
    EXPECT_TRUE(few.on_event(what, now, wall).empty());
    what.regarding.uid = "2";
    EXPECT_TRUE(few.on_event(what, now, wall).back().create);
}

TEST_F(event_aggregator_test, events_of_one_moment_have_names_of_their_own) {
    std::set<std::string> names;
    for (int i = 0; i < 50; ++i) {
        what.reason = "R" + std::to_string(i);
        names.insert(record_one().name);
    }
    EXPECT_EQ(names.size(), 50U);
}

TEST_F(event_aggregator_test, what_is_too_long_for_the_api_is_cut) {
    what.note = std::string(1'023, 'n') + "\u00fc";
    what.reason = std::string(200, 'r');
    what.action = std::string(200, 'a');
    what.regarding.name = std::string(235, 'x') + "." + std::string(17, 'y');
    settings.instance = std::string(300, 'i');
    event_aggregator other(settings);
    const auto write = other.on_event(what, now, wall).front();
    EXPECT_EQ(write.object.at("note").as_string(), std::string(1'023, 'n'));
    EXPECT_EQ(write.object.at("reason").as_string().size(), 128U);
    EXPECT_EQ(write.object.at("action").as_string().size(), 128U);
    EXPECT_EQ(write.object.at("reportingInstance").as_string().size(), 128U);
    EXPECT_LE(write.name.size(), 253U);
    EXPECT_THAT(write.name, StartsWith(std::string(235, 'x') + "."));
    EXPECT_THAT(write.name, testing::Not(testing::HasSubstr("..")));
}

TEST(cut_text, ends_between_characters) {
    EXPECT_EQ(cut_text("abc", 3), "abc");
    EXPECT_EQ(cut_text("abc", 2), "ab");
    EXPECT_EQ(cut_text("a\u20acb", 3), "a");
    EXPECT_EQ(cut_text("a\u20acb", 4), "a\u20ac");
    EXPECT_EQ(cut_text("\x80\x80\x80", 2), "");
}

}  // namespace
