// What a cluster asks of a gateway beyond what a worker asks.
#include "operator/controllers/protocol_gateway/gate.hpp"

#include "tests/unit/operator/manifests.hpp"

#include <gmock/gmock.h>

namespace pgw::controllers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> problems_of(const char* more) {
    gateway_record record;
    record.ref = test::owner;
    record.spec = json::serialize(test::manifest(more).at("spec"));
    const auto result = gate(record);
    EXPECT_EQ(result.gateway.has_value(), result.problems.empty());
    return result.problems;
}

TEST(gate, an_ordinary_gateway_passes) {
    EXPECT_THAT(problems_of("{}"), IsEmpty());
}

TEST(gate, what_a_worker_refuses_is_refused_with_its_path) {
    EXPECT_THAT(problems_of(R"({"threads": -1})"), ElementsAre(HasSubstr("spec.threads: ")));
}

TEST(gate, the_ports_of_the_pod_are_not_for_listeners) {
    EXPECT_THAT(
        problems_of(R"({"listeners": [{"name": "a", "type": "MQTT", "port": 8081}]})"),
        ElementsAre(HasSubstr("spec.listeners[0].port: 8081 is the worker pods' own port"))
    );
    EXPECT_THAT(
        problems_of(R"({"listeners": [{"name": "a", "type": "MQTT", "port": 0}]})"),
        ElementsAre(HasSubstr("spec.listeners[0].port: 0 is for tests only"))
    );
}

TEST(gate, ports_that_addresses_tell_apart_meet_in_a_pod) {
    EXPECT_THAT(
        problems_of(R"({"listeners": [
            {"name": "a", "type": "MQTT", "address": "127.0.0.1", "port": 1883},
            {"name": "b", "type": "MQTT", "address": "127.0.0.2", "port": 1883}]})"),
        ElementsAre(HasSubstr("spec.listeners[1].port: 1883 in the pod, as spec.listeners[0].port"))
    );
    // A port below 1024 is bound 10000 higher.
    EXPECT_THAT(
        problems_of(R"({"listeners": [{"name": "a", "type": "MQTT", "port": 883},
                                      {"name": "b", "type": "MQTT", "port": 10883}]})"),
        ElementsAre(HasSubstr("spec.listeners[1].port: 10883 in the pod"))
    );
}

}  // namespace
}  // namespace pgw::controllers
