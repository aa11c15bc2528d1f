// The core's entrance for publications: routes a message, encodes it, sends it and reports what
// became of it.
#pragma once

#include "common/base/clock.hpp"
#include "worker/bridge/message.hpp"

#include <cstdint>
#include <memory>

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

/// One client connection's publications. Its order is the order of publish().
class stream {
public:
    virtual ~stream() = default;
    /// From now on `sink` is told. Later streams of the same client wait as if this one were
    /// closed: publish() on them answers blocked until it is, and its publications are done.
    virtual void hand_over(publication_sink& sink) = 0;
    /// Results are no longer reported, what is in flight goes on; the stream deletes itself when
    /// that is done.
    virtual void close() noexcept = 0;
};

struct stream_closer {
    void operator()(stream* stream) const noexcept { stream->close(); }
};
using stream_handle = std::unique_ptr<stream, stream_closer>;

/// The entrance, one a thread. Pure: time is an argument, I/O is behind amqp::uplink.
class publisher {
public:
    virtual ~publisher() = default;

    /// `can_refuse`: the adapter can tell the sender of a refusal. While publications of an
    /// earlier stream of the same client id that was closed or handed over are in flight or to
    /// come, publish() on the new one answers blocked, so that the order of the client's messages
    /// is kept.
    virtual stream_handle open(publication_sink& sink, client_info client, bool can_refuse) = 0;

    virtual submission publish(stream& stream, const message& message, base::time_point now) = 0;
};

}  // namespace pgw::bridge
