// One listener's accepting on one thread.
#pragma once

#include "common/base/log.hpp"
#include "common/base/timing_wheel.hpp"
#include "common/net/byte_stream.hpp"
#include "common/net/tls_context.hpp"
#include "worker/server/loop.hpp"
#include "worker/server/metrics.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <functional>
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

/// Accepts in bounded batches. Out of descriptors or memory it pauses and tries again later instead
/// of spinning.
class acceptor final : private base::wheel_timer {
public:
    struct hooks {
        std::function<bool()> may_accept;  ///< False: leave connections in the backlog for now.
        /// Whether one more connection is within the worker's limit.
        std::function<bool()> within_limit;
        std::function<void(net::byte_stream, const shared_listener&)> on_accepted;
    };

    /// Takes ownership of the listening descriptor.
    acceptor(
        loop& loop,
        int descriptor,
        const shared_listener& listener,
        hooks callbacks,
        server_metrics& metrics,
        base::logger log
    );
    ~acceptor() override;

    void start();
    void stop();  ///< Closes the socket.
    /// may_accept() may have become true.
    void resume();

private:
    void on_timer(base::time_point now) override;
    void wait();
    void accept();
    void pause(const char* why);

    loop& loop_;
    boost::asio::posix::stream_descriptor descriptor_;
    const shared_listener& listener_;
    hooks hooks_;
    server_metrics& metrics_;
    base::logger log_;
    base::time_point last_complaint_{};
    bool waiting_ = false;
    bool held_ = false;  ///< may_accept() said no.
};

}  // namespace pgw::server
