// A reflector against a server that misbehaves as servers, proxies and networks do.
#include "common/kube/reflector.hpp"

#include "tests/integration/kube/harness.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace {

using namespace pgw::kube;
using namespace pgw::test;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// Writes down what it is told: `[` and `]` around a list, +name changed, -name removed.
struct recorder final : reflector_sink {
    void on_list_begin() override { note("["); }
    void on_listed(json::object&& object) override {
        EXPECT_EQ(object.at("kind"), "ProtocolGateway");
        note(name_of(object));
    }
    void on_list_end() override { note("]"); }
    void on_changed(json::object&& object) override { note("+" + name_of(object)); }
    void on_removed(json::object&& object) override { note("-" + name_of(object)); }

    static std::string name_of(const json::object& object) {
        return std::string(object.at("metadata").at("name").as_string());
    }
    void note(const std::string& what) {
        seen += seen.empty() ? what : " " + what;
        if (on_note) on_note(what);
    }

    std::string seen;
    std::function<void(const std::string&)> on_note;
};

struct reflector_test : testing::Test {
    ~reflector_test() override {
        if (subject) subject->stop();
        api.reset();
        EXPECT_TRUE(everything.run_out());
        EXPECT_THAT(server.problems(), ElementsAre());
    }

    void start() {
        client_options options;
        options.timeout = 5s;
        api.emplace(everything.io, config_for(server), options, pgw::base::logger());
        reflector_options wanted{gateways, "ns", "", "", {}};
        wanted.timing.first_delay = 2ms;
        wanted.timing.longest_delay = 4ms;
        if (quick_timeout) {
            wanted.timing.shortest_timeout = wanted.timing.longest_timeout = 0s;
            wanted.timing.grace = 100ms;
        }
        subject.emplace(everything.io, *api, wanted, sink, pgw::base::logger());
        subject->start();
    }
    // Until the sink has seen all of it and the server all requests.
    void expect_seen(const std::string& expected) {
        everything.run_until([&] { return sink.seen == expected && server.exhausted(); });
        EXPECT_EQ(sink.seen, expected);
        EXPECT_TRUE(server.exhausted());
    }
    void expect_list(
        const std::string& version, const std::string& names, const std::string& listed_at
    ) {
        server.expect("GET", "resourceVersion=" + version).answer(200, list_of(names, listed_at));
    }
    // The last request: a watch that stays open.
    scripted_answer& expect_quiet_watch(const std::string& version) {
        return expect_watch(version).silence();
    }
    scripted_answer& expect_watch(const std::string& version) {
        return server.expect("GET", "&resourceVersion=" + version).stream();
    }
    // A relist at no version: the parameter is not there.
    std::vector<std::string> list_targets() const {
        std::vector<std::string> all;
        for (const auto& request : server.requests()) {
            if (request.target.find("watch=1") == std::string::npos) all.push_back(request.target);
        }
        return all;
    }

    scripted_api_server server;
    loop everything;
    recorder sink;
    bool quick_timeout = false;
    std::optional<client> api;
    std::optional<reflector> subject;
};

TEST_F(reflector_test, lists_then_watches_from_the_lists_version) {
    expect_list("0", "ab", "10");
    expect_watch("10")
        .chunk(event_of("ADDED", object_of("c", "11")))
        .chunk(event_of("BOOKMARK", R"({"metadata":{"resourceVersion":"12"}})"))
        .chunk(event_of("DELETED", object_of("a", "13")))
        .end_stream();
    expect_quiet_watch("13");
    start();
    EXPECT_FALSE(subject->synced());
    expect_seen("[ a b ] +c -a");
    EXPECT_TRUE(subject->synced());
    EXPECT_THAT(server.requests()[1].target, HasSubstr("timeoutSeconds=2"));
    EXPECT_THAT(server.requests()[1].target, HasSubstr("allowWatchBookmarks=true"));
}

TEST_F(reflector_test, bookmark_alone_carries_the_version) {
    expect_list("0", "", "10");
    expect_watch("10")
        .chunk(event_of("BOOKMARK", R"({"metadata":{"resourceVersion":"50"}})"))
        .end_stream();
    expect_quiet_watch("50");
    start();
    expect_seen("[ ]");
}

TEST_F(reflector_test, slow_watch_that_comes_byte_by_byte) {
    expect_list("0", "", "10");
    expect_watch("10").byte_by_byte(event_of("ADDED", object_of("a", "11"))).silence();
    start();
    expect_seen("[ ] +a");
}

TEST_F(reflector_test, several_events_and_a_half_in_one_chunk) {
    const auto last = event_of("ADDED", object_of("c", "13"));
    expect_list("0", "", "10");
    expect_watch("10")
        .chunk(
            event_of("ADDED", object_of("a", "11")) + "\n" +
            event_of("MODIFIED", object_of("a", "12")) + last.substr(0, 20)
        )
        .chunk(last.substr(20))
        .silence();
    start();
    expect_seen("[ ] +a +a +c");
}

TEST_F(reflector_test, pages_that_expire_are_listed_again_in_one_answer) {
    server.expect("GET", "limit=500").answer(200, list_of("ab", "10", "more"));
    server.expect("GET", "continue=more").answer(410, status_body(410, "Expired"));
    server.expect("GET", gateways_path).answer(200, list_of("xyz", "20"));
    expect_quiet_watch("20");
    start();
    expect_seen("[ a b [ x y z ]");
    const auto lists = list_targets();
    EXPECT_THAT(lists[2], testing::Not(HasSubstr("limit")));
    EXPECT_THAT(lists[2], testing::Not(HasSubstr("resourceVersion")));
}

TEST_F(reflector_test, watch_that_begins_with_410_lists_at_the_last_version) {
    expect_list("0", "a", "10");
    server.expect("GET", "watch=1").answer(410, status_body(410, "Gone"));
    expect_list("10", "b", "20");
    expect_quiet_watch("20");
    start();
    expect_seen("[ a ] [ b ]");
    EXPECT_THAT(list_targets()[1], testing::Not(HasSubstr("limit")));
}

TEST_F(reflector_test, error_event_410_and_a_list_that_is_410_too) {
    expect_list("0", "a", "10");
    expect_watch("10")
        .chunk(event_of("ADDED", object_of("b", "11")))
        .chunk(event_of("ERROR", status_body(410, "Expired")))
        .chunk(event_of("ADDED", object_of("never", "12")))
        .silence();
    server.expect("GET", "resourceVersion=11").answer(410, status_body(410, "Expired"));
    server.expect("GET", "limit=500").answer(200, list_of("c", "30"));
    expect_quiet_watch("30");
    start();
    expect_seen("[ a ] +b [ c ]");
}

TEST_F(reflector_test, too_large_version_lists_the_latest) {
    expect_list("0", "a", "10");
    server.expect("GET", "watch=1").answer(410, status_body(410, "Gone"));
    server.expect("GET", "resourceVersion=10")
        .answer(
            504, status_body(504, "Timeout", R"({"causes":[{"reason":"ResourceVersionTooLarge"}]})")
        );
    server.expect("GET", "limit=500").answer(200, list_of("b", "5"));
    expect_quiet_watch("5");
    start();
    expect_seen("[ a ] [ b ]");
}

TEST_F(reflector_test, internal_error_in_the_stream_watches_on) {
    expect_list("0", "", "10");
    expect_watch("10")
        .chunk(event_of("ADDED", object_of("a", "11")))
        .chunk(event_of("ERROR", status_body(500, "InternalError")))
        .end_stream();
    expect_quiet_watch("11");
    start();
    expect_seen("[ ] +a");
}

TEST_F(reflector_test, throttled_and_failing_watches_are_tried_again) {
    expect_list("0", "", "10");
    server.expect("GET", "watch=1")
        .answer(429, status_body(429, "TooManyRequests"), "Retry-After: 0\r\n");
    server.expect("GET", "watch=1").answer(500, status_body(500, "InternalError"));
    server.expect("GET", "watch=1").answer(403, status_body(403, "Forbidden"));
    expect_quiet_watch("10");
    start();
    expect_seen("[ ]");
}

TEST_F(reflector_test, throttled_list_is_repeated_after_the_time_that_was_asked_for) {
    server.expect("GET", "resourceVersion=0")
        .answer(429, status_body(429, "TooManyRequests"), "Retry-After: 1\r\n");
    expect_list("0", "a", "10");
    expect_quiet_watch("10");
    const auto begun = pgw::base::clock::now();
    start();
    expect_seen("[ a ]");
    EXPECT_GE(pgw::base::clock::now() - begun, 1s);
}

TEST_F(reflector_test, forbidden_list_is_tried_until_it_is_allowed) {
    for (int i = 0; i < 5; ++i) {
        server.expect("GET", "resourceVersion=0").answer(403, status_body(403, "Forbidden"));
    }
    expect_list("0", "a", "10");
    expect_quiet_watch("10");
    start();
    expect_seen("[ a ]");
}

TEST_F(reflector_test, broken_connections_watch_on_from_the_last_event) {
    expect_list("0", "", "10");
    expect_watch("10").chunk(event_of("ADDED", object_of("a", "11"))).reset();
    expect_watch("11").chunk(event_of("ADDED", object_of("b", "12"))).bytes("7\r\n{\"ty").close();
    server.expect("GET", "resourceVersion=12").close();
    server.expect("GET", "resourceVersion=12").bytes("HTTP/1.1 2").reset();
    server.expect("GET", "resourceVersion=12").bytes("nonsense\r\n\r\n").close();
    expect_quiet_watch("12");
    start();
    expect_seen("[ ] +a +b");
}

TEST_F(reflector_test, event_that_is_no_json_loses_nothing) {
    expect_list("0", "", "10");
    expect_watch("10").chunk("{\"type\":\n").silence();
    expect_watch("10").chunk("[]\n").silence();
    expect_watch("10").chunk("{\"type\":\"ADDED\"}\n").silence();
    expect_watch("10").chunk(event_of("ADDED", object_of("a", "11"))).silence();
    start();
    expect_seen("[ ] +a");
}

TEST_F(reflector_test, silent_watch_is_given_up) {
    quick_timeout = true;
    expect_list("0", "", "10");
    // Not even a head; then a head and no event; then an event and nothing more.
    server.expect("GET", "watch=1").silence();
    expect_watch("10").silence();
    expect_watch("10").chunk(event_of("ADDED", object_of("a", "11"))).silence();
    expect_watch("11").chunk(event_of("ADDED", object_of("b", "12"))).wait_for("end");
    start();
    expect_seen("[ ] +a +b");
    server.release("end");
}

TEST_F(reflector_test, stop_between_list_pages) {
    server.expect("GET", "limit=500").answer(200, list_of("ab", "10", "more"));
    server.expect("GET", "continue=more").wait_for("gate").answer(200, list_of("c", "10"));
    start();
    ASSERT_TRUE(everything.run_until([&] { return server.exhausted(); }));
    subject->stop();
    server.release("gate");
    EXPECT_TRUE(everything.run_out());
    EXPECT_EQ(sink.seen, "[ a b");
    EXPECT_FALSE(subject->synced());
}

TEST_F(reflector_test, stop_while_a_watch_is_open) {
    expect_list("0", "", "10");
    expect_watch("10").wait_for("gate").chunk(event_of("ADDED", object_of("a", "11"))).silence();
    start();
    ASSERT_TRUE(everything.run_until([&] { return server.exhausted(); }));
    server.release("gate");
    subject->stop();
    EXPECT_TRUE(everything.run_out());
    EXPECT_EQ(sink.seen, "[ ]");
}

// Stops inside the n-th call of the sink: it is the last.
TEST_F(reflector_test, stop_from_within_any_call_of_the_sink) {
    const std::string all[] = {"[", "a", "b", "]", "+c", "-a", "+d"};
    for (std::size_t n = 0; n < std::size(all); ++n) {
        SCOPED_TRACE(n);
        scripted_api_server own;
        own.expect("GET", "resourceVersion=0").answer(200, list_of("ab", "10"));
        own.expect("GET", "watch=1")
            .stream()
            .chunk(
                event_of("ADDED", object_of("c", "11")) +
                event_of("DELETED", object_of("a", "12")) + event_of("ADDED", object_of("d", "13"))
            )
            .silence();
        loop turns;
        recorder notes;
        client client_of_own(turns.io, config_for(own), {}, pgw::base::logger());
        reflector stopping(turns.io, client_of_own, {gateways, "ns", "", "", {}}, notes, {});
        std::size_t calls = 0;
        notes.on_note = [&](const std::string&) {
            if (calls++ == n) stopping.stop();
        };
        stopping.start();
        EXPECT_TRUE(turns.run_until([&] { return calls > n; }));
        client_of_own.stop();
        EXPECT_TRUE(turns.run_out());
        EXPECT_EQ(calls, n + 1);
    }
}

TEST_F(reflector_test, stopped_client_ends_it) {
    expect_list("0", "", "10");
    expect_quiet_watch("10");
    start();
    ASSERT_TRUE(everything.run_until([&] { return server.exhausted(); }));
    api->stop();
    EXPECT_TRUE(everything.run_out());
    EXPECT_EQ(sink.seen, "[ ]");
}

}  // namespace
