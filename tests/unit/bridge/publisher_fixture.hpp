// A core publisher over fake uplinks, with time in the test's hand.
#pragma once

#include "tests/support/fake_uplink.hpp"
#include "worker/bridge/core_publisher.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace pgw::test {

/// Records results by sequence.
class recording_sink final : public bridge::publication_sink {
public:
    struct record {
        bridge::result_class kind;
        bridge::refusal refusal;
        bridge::silent_refusal silent;
        std::string text;
    };
    void on_result(std::uint32_t sequence, const bridge::result& r) override {
        order.push_back(sequence);
        results.emplace(sequence, record{r.kind, r.refusal, r.silent, std::string(r.text)});
    }
    void on_capacity() override { ++capacity; }

    std::vector<std::uint32_t> order;
    std::map<std::uint32_t, record> results;
    int capacity = 0;
};

inline manifest::gateway one_route() {
    manifest::gateway gateway;
    gateway.name = "test";
    manifest::upstream upstream;
    upstream.name = "up";
    upstream.type = manifest::upstream_type::artemis;
    gateway.upstreams.push_back(upstream);
    manifest::publish_route route;
    route.name = "all";
    route.match_topic = "{*rest}";
    route.upstream = "up";
    route.address = "telemetry";
    gateway.routes.publish.push_back(route);
    return gateway;
}

class publisher_fixture : public ::testing::Test {
protected:
    void build(manifest::gateway gateway) {
        gateway_ = std::move(gateway);
        publisher_ = std::make_unique<bridge::core_publisher>(
            gateway_,
            bridge::publisher_environment{
                [this](std::string_view) -> amqp::uplink& { return uplink_; },
                [] { return 0u; },
                now_,
                42
            },
            metrics_
        );
    }
    bridge::stream_handle open(
        recording_sink& sink, const std::string& id = "c1", bool can_refuse = true
    ) {
        bridge::client_info client;
        client.client_id = id;
        return publisher_->open(sink, client, can_refuse);
    }
    bridge::submission publish(
        bridge::stream& stream,
        std::string_view payload,
        bridge::assurance assurance = bridge::assurance::at_least_once,
        std::string_view topic = "a/b"
    ) {
        bridge::message message;
        message.topic = topic;
        message.payload = base::as_bytes(payload);
        message.assurance = assurance;
        return publisher_->publish(stream, message, now_);
    }
    void advance(base::milliseconds by) {
        now_ += by;
        publisher_->on_tick(now_);
    }
    /// The payloads sent on a link so far, in order: each test's payloads are single letters at the
    /// end.
    static std::string payloads(const fake_sender& sender) {
        std::string all;
        for (const auto& m : sender.sent) all += m.bytes.back();
        return all;
    }
    fake_sender& acked() { return *uplink_.find("telemetry", false); }
    fake_sender& settled() { return *uplink_.find("telemetry", true); }

    base::time_point now_{std::chrono::hours(1)};
    manifest::gateway gateway_;
    fake_uplink uplink_;
    bridge::publisher_metrics metrics_;
    std::unique_ptr<bridge::core_publisher> publisher_;
};

}  // namespace pgw::test
