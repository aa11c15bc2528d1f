// An uplink on the test's own loop, against a peer on another thread.
#pragma once

#include "tests/support/amqp_loop.hpp"
#include "tests/support/amqp_peer.hpp"
#include "worker/amqp/encoding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace pgw::test {

/// What a sender was told, with copies of what was only lent.
struct recorded_events final : amqp::sender_events {
    struct seen {
        std::uint64_t token;
        amqp::outcome_kind kind;
        std::string condition;
        std::string description;
        bool delivery_failed;
        bool undeliverable_here;
    };
    void on_sendable() override { ++sendable; }
    void on_outcome(std::uint64_t token, const amqp::outcome& o) override {
        outcomes.push_back(
            {token,
             o.kind,
             std::string(o.condition),
             std::string(o.description),
             o.delivery_failed,
             o.undeliverable_here}
        );
    }
    void on_lost(const amqp::loss& loss) override {
        ++lost;
        last_condition = loss.condition;
        last_description = loss.description;
        blamed = loss.blames_a_delivery;
        shared = loss.shared;
        suspects = loss.suspects;
    }

    int sendable = 0;
    int lost = 0;
    bool blamed = false;
    bool shared = false;
    std::uint64_t suspects = 0;
    std::string last_condition;
    std::string last_description;
    std::vector<seen> outcomes;
};

/// A bare message of one data section.
inline std::vector<std::byte> data_message(std::string_view body) {
    std::vector<std::byte> buffer(body.size() + 16);
    amqp::writer writer(buffer);
    writer.open_section(amqp::section::data);
    writer.binary(base::as_bytes(body));
    buffer.resize(writer.size());
    return buffer;
}

class uplink_test : public testing::Test {
protected:
    amqp::uplink_settings settings_for(std::initializer_list<std::uint16_t> ports) {
        amqp::uplink_settings settings;
        settings.container_id = "gateway/0";
        settings.upstream.name = "test";
        for (const auto port : ports) {
            settings.upstream.endpoints.push_back({false, "127.0.0.1", port});
        }
        auto& limits = settings.upstream.limits;
        limits.reconnect_initial = base::milliseconds(20);
        limits.reconnect_maximum = base::milliseconds(200);
        limits.connect_timeout = base::milliseconds(2000);
        return settings;
    }
    void start(amqp::uplink_settings settings) {
        uplink = amqp::make_uplink(loop.context(), std::move(settings), metrics, {});
    }
    void open(std::string address = "q", bool presettled = false) {
        sender = uplink->open_sender({std::move(address), presettled}, events);
    }
    bool ready() {
        return loop.run_until([&] { return sender->state() == amqp::sender_state::ready; });
    }
    amqp::send_status send(std::string_view body, std::uint64_t token) {
        return sender->try_send(data_message(body), token);
    }
    bool outcomes(std::size_t count) {
        return loop.run_until([&] { return events.outcomes.size() >= count; });
    }

    amqp_loop loop;
    amqp::uplink_metrics metrics;
    recorded_events events;
    std::unique_ptr<amqp::uplink> uplink;
    std::unique_ptr<amqp::sender> sender;
};

}  // namespace pgw::test
