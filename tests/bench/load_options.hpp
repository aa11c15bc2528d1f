// What the load generator is asked to do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace pgw::bench {

enum class load_mode : std::uint8_t {
    closed,     ///< A window of unacknowledged (QoS 0: not yet consumed) messages per client.
    open,       ///< A fixed total rate; latency counts from the intended time.
    idle,       ///< Connect, publish once, hold; memory per connection.
    churn,      ///< Connect, disconnect, again.
    subscribe,  ///< Only drain a subscription.
};

struct load_options {
    load_mode mode = load_mode::closed;
    std::string host = "127.0.0.1";
    std::uint16_t port = 1883;
    std::uint32_t clients = 50;
    std::uint32_t window = 20;  ///< Per client.
    std::uint32_t qos = 1;
    std::uint32_t size = 256;  ///< Payload bytes, at least 16.
    std::string topic = "bench/{n}/t";
    std::uint64_t rate = 0;  ///< Messages a second, all clients together (open).
    double warmup = 1;
    double seconds = 5;
    std::uint32_t connecting = 50;  ///< How many connects are under way at once.
    std::uint32_t baseline = 100;   ///< Connections at the first memory sample (idle).
    std::uint16_t sink_port = 0;    ///< Not 0: also be the AMQP peer, listening there.
    std::string sink_source;  ///< Not empty: connect to sink_port and receive from this topic.
    int sink_credit = 5000;
    std::uint64_t sink_rate = 0;
    std::string subscribe;  ///< Not empty: also be a subscriber to this filter.
    pid_t server = 0;       ///< Whose CPU time and memory to read.
    bool tls = false;
    bool free_run = false;  ///< QoS 0 without a window: write whenever the socket takes it.
};

/// Ends the program with a usage text when they make no sense.
load_options parse_load_options(int argc, char** argv);

}  // namespace pgw::bench
