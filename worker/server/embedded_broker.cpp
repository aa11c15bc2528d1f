// Thread, loop, server role and broker policy together.
#include "worker/server/embedded_broker.hpp"

#include "worker/amqp/server.hpp"
#include "worker/broker/broker.hpp"
#include "worker/server/loop.hpp"

#include <thread>

namespace pgw::server {

struct embedded_broker::impl {
    impl(
        const manifest::upstream& upstream,
        const std::string& address,
        base::byte_budget& budget,
        base::logger log
    )
        : name(upstream.name),
          policy(
              {upstream.embedded->max_queue_bytes, upstream.embedded->max_queues, &budget}, metrics
          ) {
        amqp::server_options options;
        options.address = address;
        options.port = upstream.embedded->port;
        options.budget = &budget;
        server = amqp::make_server(
            {
                turns.io(),
                turns.flush(),
                turns.wheel(),
                [this] { return turns.random(); },
                &turns.time(),
            },
            std::move(options),
            policy,
            std::move(log)
        );
        thread = std::thread([this] {
            turns.run();
            server.reset();
        });
    }
    ~impl() {
        turns.stop();
        thread.join();
    }

    std::string name;
    loop turns;
    broker::broker_metrics metrics;
    broker::broker policy;
    std::unique_ptr<amqp::server> server;
    std::thread thread;
};

embedded_broker::embedded_broker(
    const manifest::upstream& upstream,
    const std::string& address,
    base::byte_budget& budget,
    base::logger log
)
    : impl_(std::make_unique<impl>(upstream, address, budget, std::move(log))) {}

embedded_broker::~embedded_broker() = default;

std::uint16_t embedded_broker::port() const noexcept {
    return impl_->server->port();
}

void embedded_broker::register_metrics(base::metrics_registry& registry) {
    const base::metrics_registry::labels labels{{"upstream", impl_->name}};
    auto& m = impl_->metrics;
    registry.add(
        "pgw_broker_messages_in_total", "Messages the embedded broker took.", labels, m.messages_in
    );
    registry.add(
        "pgw_broker_messages_out_total",
        "Messages the embedded broker handed out.",
        labels,
        m.messages_out
    );
    registry.add(
        "pgw_broker_redeliveries_total", "Deliveries after the first.", labels, m.redeliveries
    );
    registry.add(
        "pgw_broker_refused_total",
        "Messages refused because a bound was reached.",
        labels,
        m.refused
    );
    registry.add("pgw_broker_queues", "Queues and topics.", labels, m.queues);
    registry.add("pgw_broker_messages", "Messages held.", labels, m.messages);
    registry.add("pgw_broker_bytes", "Bytes held.", labels, m.bytes);
}

}  // namespace pgw::server
