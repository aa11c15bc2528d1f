// The embedded AMQP 1.0 broker, for trying and testing: queues and topics in memory, as a policy on
// the engine's server role.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/base/metrics.hpp"
#include "worker/amqp/server.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pgw::broker {

struct broker_metrics {
    base::counter messages_in;
    base::counter messages_out;
    base::counter redeliveries;
    base::counter refused;  ///< Answered rejected or released because a bound was reached.
    base::gauge queues;
    base::gauge messages;
    base::gauge bytes;
};

struct broker_limits {
    std::uint64_t max_queue_bytes = 64ull << 20;
    std::uint32_t max_queues = 1024;
    base::byte_budget* budget = nullptr;  ///< What queues hold is charged to it, if set.
};

/// A node is created at its first attach: an address is a queue, unless it begins with `topic://`
/// or the terminus asks for the capability `topic`, then a topic: every receiver attached gets a
/// copy, and without a receiver messages are accepted and dropped. The anonymous terminus routes by
/// `to`. A node that holds nothing and has no link goes. Queues: messages wait in order, competing consumers; `released` and `modified` and a lost
/// link put a message back in its place with delivery-count grown where AMQP says so; `rejected`
/// drops it.
class broker final : public amqp::server_policy {
public:
    broker(broker_limits limits, broker_metrics& metrics);
    ~broker() override;

    bool authenticate(std::string_view user, std::string_view password) override;
    amqp::attach_verdict on_attach(amqp::server_link& link) override;
    void on_detach(amqp::server_link& link) override;
    void on_message(
        amqp::server_link& link, amqp::delivery_id delivery, base::bytes_view message, bool settled
    ) override;
    void on_credit(amqp::server_link& link) override;
    void on_settled(amqp::server_link& link, std::uint64_t token, const amqp::outcome& outcome)
        override;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::broker
