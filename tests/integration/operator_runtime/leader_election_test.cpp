// Candidates and a server between them.
#include "operator/runtime/leader_election.hpp"

#include "tests/integration/operator_runtime/runtime_fixture.hpp"

#include <gmock/gmock.h>

namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using namespace pgw::runtime;
using pgw::base::clock;

const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/ns/leases";

struct candidate {
    candidate(
        pgw::test::runtime_fixture& in, const std::string& identity, leader_election_options o
    )
        : options(named(std::move(o), identity)),
          election(
              *in.client, in.io, options, {[this] { ++elected; }, [this] { ++lost; }}, in.log
          ) {
        election.start();
    }
    static leader_election_options named(leader_election_options o, const std::string& identity) {
        o.ns = "ns";
        o.name = "op";
        o.identity = identity;
        return o;
    }
    leader_election_options options;
    int elected = 0;
    int lost = 0;
    leader_election election;
};

struct leader_election_test : pgw::test::runtime_fixture {
    static leader_election_options make_quick() {
        leader_election_options o;
        o.lease_duration = 1'000ms;
        o.renew_deadline = 500ms;
        o.retry_period = 50ms;
        return o;
    }
    leader_election_options quick = make_quick();

    std::string holder() const {
        const auto found = store->objects.find(leases + "/op");
        if (found == store->objects.end()) return "none";
        return std::string(found->second.at("spec").at("holderIdentity").as_string());
    }
    bool stop(candidate& c) {
        bool released = false;
        c.election.stop([&] { released = true; });
        return run_until([&] { return released; });
    }
};

TEST_F(leader_election_test, leads_renews_and_releases) {
    pgw::base::metrics_registry registry;
    leader_election_options patient;
    patient.retry_period = 50ms;
    candidate one(*this, "one", patient);
    one.election.register_metrics(registry);
    EXPECT_FALSE(one.election.leading());
    ASSERT_TRUE(run_until([&] { return one.elected == 1; }));
    EXPECT_TRUE(one.election.leading());
    EXPECT_TRUE(one.election.healthy());
    EXPECT_EQ(holder(), "one");
    EXPECT_THAT(
        registry.text(), testing::HasSubstr("leader_election_master_status{name=\"op\"} 1\n")
    );
    const auto version = store->version;
    ASSERT_TRUE(run_until([&] { return store->version >= version + 3; }));
    ASSERT_TRUE(stop(one));
    EXPECT_EQ(holder(), "");
    EXPECT_FALSE(one.election.leading());
    EXPECT_THAT(
        registry.text(), testing::HasSubstr("leader_election_master_status{name=\"op\"} 0\n")
    );
    EXPECT_EQ(one.lost, 0);
}

TEST_F(leader_election_test, a_standby_follows_at_once_when_the_lease_is_released) {
    candidate one(*this, "one", {});
    ASSERT_TRUE(run_until([&] { return one.elected == 1; }));
    candidate two(*this, "two", {});
    ASSERT_TRUE(run_until([&] { return !store->watchers.empty(); }));
    EXPECT_EQ(two.elected, 0);
    const auto start = clock::now();
    ASSERT_TRUE(stop(one));
    ASSERT_TRUE(run_until([&] { return two.elected == 1; }));
    EXPECT_LT(clock::now() - start, 5s);
    EXPECT_EQ(holder(), "two");
}

TEST_F(leader_election_test, a_standby_follows_when_the_lease_is_deleted) {
    candidate one(*this, "one", {});
    ASSERT_TRUE(run_until([&] { return one.elected == 1; }));
    candidate two(*this, "two", {});
    ASSERT_TRUE(run_until([&] { return !store->watchers.empty(); }));
    store->handle({"DELETE", leases + "/op", {}, {}});
    ASSERT_TRUE(run_until([&] { return two.elected == 1; }));
}

TEST_F(leader_election_test, a_standby_follows_a_leader_that_is_gone_after_the_duration) {
    auto one = std::make_unique<candidate>(*this, "one", quick);
    ASSERT_TRUE(run_until([&] { return one->elected == 1; }));
    candidate two(*this, "two", quick);
    ASSERT_TRUE(run_until([&] { return !store->watchers.empty(); }));
    one.reset();
    const auto gone = clock::now();
    ASSERT_TRUE(run_until([&] { return two.elected == 1; }));
    EXPECT_GE(clock::now() - gone, 500ms);
}

TEST_F(leader_election_test, a_leader_that_cannot_renew_has_lost) {
    candidate one(*this, "one", quick);
    ASSERT_TRUE(run_until([&] { return one.elected == 1; }));
    store->refuse = [](const auto&) { return 500; };
    ASSERT_TRUE(run_until([&] { return one.lost == 1; }));
    EXPECT_FALSE(one.election.leading());
    store->refuse = nullptr;
    ASSERT_TRUE(stop(one));
    EXPECT_EQ(holder(), "one");
    EXPECT_EQ(one.lost, 1);
}

TEST_F(leader_election_test, stopping_does_not_wait_for_ever) {
    candidate one(*this, "one", {});
    ASSERT_TRUE(run_until([&] { return one.elected == 1; }));
    store->stop();
    ASSERT_TRUE(stop(one));
}

TEST_F(leader_election_test, a_candidate_that_was_never_started_stops) {
    leader_election idle(*client, io, candidate::named({}, "idle"), {}, log);
    bool released = false;
    idle.stop([&] { released = true; });
    ASSERT_TRUE(run_until([&] { return released; }));
    EXPECT_TRUE(store->seen.empty());
}

}  // namespace
