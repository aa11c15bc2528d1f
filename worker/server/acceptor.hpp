// One listener's accepting on one thread.
#pragma once

#include "common/base/log.hpp"
#include "common/base/timing_wheel.hpp"
#include "common/net/byte_stream.hpp"
#include "common/net/tls_context.hpp"
#include "worker/server/loop.hpp"
#include "worker/server/metrics.hpp"
#include "worker/server/pending_pool.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace pgw::server {

/// A listener as all threads share it. Threads read its name and its TLS; the rest belongs to the
/// main thread.
struct shared_listener {
    std::string name;
    std::shared_ptr<net::tls_context> tls;  ///< Null: plain.
    std::string address;
    std::uint16_t port = 0;
    bool listening = false;
};

/// What an acceptor uses of its thread.
class accepting_host {
public:
    /// Whether the worker may have one more connection. If it is full, the one that has proved
    /// least goes; false: all have proved something.
    virtual bool make_place() = 0;
    /// Closes the connection that has proved least, for its descriptor; false: all have proved
    /// something.
    virtual bool evict_pending() = 0;
    virtual void on_accepted(
        net::byte_stream stream, const shared_listener& listener, const source& from
    ) = 0;

protected:
    ~accepting_host() = default;
};

/// Accepts in bounded batches, so that listeners take turns. Out of descriptors or memory it pauses
/// and tries again later instead of spinning.
class acceptor final : private base::wheel_timer {
public:
    /// Takes ownership of the listening descriptor. A connection's descriptor must be below
    /// `descriptors`: those from there on are others' reserve.
    acceptor(
        loop& loop,
        accepting_host& host,
        int descriptor,
        const shared_listener& listener,
        std::uint64_t descriptors,
        server_metrics& metrics,
        base::logger log
    );
    ~acceptor() override;

    void start();
    void stop();  ///< Closes the socket.

private:
    void on_timer(base::time_point now) override;
    void wait();
    void accept();
    int within_share(int descriptor);
    void take(int descriptor, const source& from);
    void pause(const char* why);

    loop& loop_;
    accepting_host& host_;
    boost::asio::posix::stream_descriptor descriptor_;
    const shared_listener& listener_;
    std::uint64_t descriptors_;
    server_metrics& metrics_;
    base::logger log_;
    base::time_point last_complaint_{};
    bool waiting_ = false;
};

}  // namespace pgw::server
