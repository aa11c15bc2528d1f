// The core's entrance for publications: routes a message, encodes it, sends it and reports what
// became of it.
#pragma once

#include "common/base/clock.hpp"
#include "common/base/metrics.hpp"
#include "common/spec/gateway.hpp"
#include "worker/amqp/link.hpp"
#include "worker/bridge/message.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace pgw::bridge {

/// Implemented by the adapter, once per client connection. Called on the thread of the publisher,
/// never from inside publish().
class publication_sink {
public:
    /// The result of the publication that publish() answered `taken` with this sequence number.
    /// Exactly once each, in any order, unless the stream was closed.
    virtual void on_result(std::uint32_t sequence, const result& result) = 0;
    /// A publication that was answered `blocked` may be tried again.
    virtual void on_capacity() = 0;

protected:
    ~publication_sink() = default;
};

enum class submit_status : std::uint8_t {
    taken,    ///< A result follows under `sequence`.
    done,     ///< `result` is final now. At-most-once messages are always done or blocked.
    blocked,  ///< A bound is reached: keep the message, stop reading, wait for on_capacity.
};

struct submission {
    submit_status status = submit_status::done;
    std::uint32_t sequence = 0;
    bridge::result result;
};

struct publisher_metrics {
    base::counter received;  ///< Messages submitted, blocked ones once.
    base::counter accepted;
    base::counter refused;
    base::counter
        discarded;  ///< Acknowledged though refused, by onRefused or the unmatched policy.
    base::counter dead_lettered;
    base::counter expired;
    base::counter timed_out;  ///< No outcome within deliveryTimeout.
    base::counter dropped;    ///< At-most-once messages without credit within qos0Wait.
    base::counter resent;     ///< Sends after the first, for any cause.
    base::counter unmatched;
    base::counter possible_duplicates;  ///< Resent while in doubt.
    base::gauge in_flight;              ///< Taken, without a result.
    base::gauge in_flight_bytes;
    base::histogram latency;  ///< From submission to the result.
};

class stream;  // one client connection's publications; see stream.hpp

/// Closes the stream: results are no longer reported, what is in flight goes on.
struct stream_closer {
    void operator()(stream* stream) const noexcept;
};
using stream_handle = std::unique_ptr<stream, stream_closer>;

/// Finds the thread's uplink for an upstream name. The uplinks outlive the publisher.
using uplink_lookup = std::function<amqp::uplink&(std::string_view upstream)>;

/// One a thread. Pure: time is an argument, I/O is behind amqp::uplink.
class publisher {
public:
    publisher(
        const spec::gateway& gateway,
        uplink_lookup uplinks,
        publisher_metrics& metrics,
        std::uint64_t incarnation
    );
    ~publisher();
    publisher(const publisher&) = delete;
    publisher& operator=(const publisher&) = delete;

    /// `can_refuse`: the adapter can tell the sender of a refusal. While publications of an earlier
    /// stream of the same client id are in flight, publish() on the new one answers blocked, so
    /// that the order of the client's messages is kept.
    stream_handle open(publication_sink& sink, client_info client, bool can_refuse);

    submission publish(stream& stream, const message& message, base::time_point now);

    /// Deadlines, retries, drops. Call at least every 100 ms while in_flight() > 0 or pending() >
    /// 0.
    void on_tick(base::time_point now);

    std::size_t in_flight() const noexcept;  ///< Taken, without a result.
    std::size_t pending() const noexcept;    ///< At-most-once messages waiting for credit.

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::bridge
