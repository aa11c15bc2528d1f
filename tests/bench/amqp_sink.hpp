// An AMQP 1.0 receiving peer that does as little as possible: grants credit, accepts, counts.
//
// It stands on Proton's C connection driver directly, so that the measuring side shares no code
// with the gateway that is measured.
#pragma once

#include "tests/bench/poller.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pgw::bench {

struct sink_options {
    std::uint16_t port = 5673;  ///< To listen on; with `source`, to connect to.
    std::string source;       ///< Not empty: be a client that receives from this topic of a broker.
    int credit = 5000;        ///< Per link; topped up when half of it is used.
    std::uint64_t rate = 0;   ///< Not 0: credit for this many messages a second over all links.
    std::size_t payload = 0;  ///< Size of every payload; not 0: on_payload sees each one.
};

/// Accepts every connection and every link, or is a broker's consumer. SASL ANONYMOUS and PLAIN
/// pass with any credentials.
class amqp_sink final : public event_handler {
public:
    using payload_handler = std::function<void(std::span<const char>)>;

    amqp_sink(poller& poller, sink_options options, payload_handler on_payload);
    ~amqp_sink() override;

    void on_ready(std::uint32_t events) override;
    /// Grants what the rate allows by now and writes what is pending; once per loop turn.
    void end_turn(std::uint64_t now);

    std::uint64_t received() const noexcept { return received_; }
    std::uint64_t unsettled() const noexcept { return unsettled_; }
    bool attached() const noexcept;  ///< There is a link to receive on.

private:
    class connection;
    friend class connection;

    poller& poller_;
    sink_options options_;
    payload_handler on_payload_;
    int listener_;
    std::uint64_t received_ = 0;
    std::uint64_t unsettled_ = 0;  ///< Of those received, how many came unsettled.
    std::uint64_t granted_ = 0;
    std::uint64_t rate_start_ = 0;
    std::vector<std::unique_ptr<connection>> connections_;
};

}  // namespace pgw::bench
