// The load generator's two kinds of client, and what they count together.
#pragma once

#include "tests/bench/histogram.hpp"
#include "tests/bench/mqtt_connection.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pgw::bench {

/// What has happened so far; the run takes differences over its measured interval.
struct load_counters {
    std::uint64_t sent = 0;
    std::uint64_t acked = 0;
    std::uint64_t consumed = 0;
    std::uint64_t connected = 0;  ///< CONNACKs.
    std::uint64_t finished = 0;   ///< Connections that ended after a DISCONNECT of ours.
    std::uint64_t lost = 0;       ///< Connections that failed or ended otherwise.
    std::uint64_t forgotten = 0;  ///< QoS 0 messages that never arrived.
    histogram ack_latency;        ///< Send (open: intended time) to PUBACK, ns.
    histogram delivery_latency;   ///< Send (open: intended time) to the consumer, ns.
};

/// How publishers behave.
struct publisher_options {
    std::string topic;
    std::uint32_t qos = 1;
    std::uint32_t window = 20;
    std::uint32_t size = 256;
    bool automatic = true;  ///< Keeps the window full; else publish() is called.
    bool free_run = false;  ///< QoS 0: no window.
    bool once = false;      ///< Publishes one message when connected.
    bool churn = false;     ///< Disconnects when connected.
};

/// Publishes. The payload begins with the send time (8 bytes) and the client's index (4 bytes),
/// both in the machine's byte order.
class publisher final : public mqtt_connection {
public:
    publisher(
        connection_context& context,
        load_counters& counters,
        const publisher_options& options,
        std::uint32_t index
    );

    /// Appends one message stamped with `time`. False when the window is full.
    bool publish(std::uint64_t time);
    /// A message of this client was seen by the consumer.
    void on_consumed();
    /// Nothing arrives any more: forgets what is under way (QoS 0) and fills the window again.
    void forget();
    std::uint32_t outstanding() const noexcept { return outstanding_; }

    static std::uint64_t time_of(std::span<const char> payload) noexcept;
    static std::uint32_t index_of(std::span<const char> payload) noexcept;

private:
    void on_connected() override;
    void on_packet(std::uint8_t first, std::span<const char> body) override;
    void on_writable() override;
    void on_closed() override;
    void fill();

    load_counters& counters_;
    const publisher_options& options_;
    std::vector<char> packet_;  ///< Patched and copied for every message.
    std::size_t id_at_ = 0;
    std::size_t payload_at_ = 0;
    std::vector<std::uint64_t> times_;  ///< By packet id, modulo its size (a power of two).
    std::uint16_t next_id_ = 1;
    std::uint32_t outstanding_ = 0;
};

/// Drains a subscription.
class subscriber final : public mqtt_connection {
public:
    using payload_handler = std::function<void(std::span<const char>)>;

    subscriber(
        connection_context& context, std::string filter, std::uint32_t qos, payload_handler handler
    );
    bool ready() const noexcept { return ready_; }

private:
    void on_connected() override;
    void on_packet(std::uint8_t first, std::span<const char> body) override;
    void on_closed() override;

    std::string filter_;
    std::uint32_t qos_;
    payload_handler handler_;
    bool ready_ = false;
};

}  // namespace pgw::bench
