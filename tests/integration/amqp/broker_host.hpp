// The embedded broker behind a real socket, on a thread of its own.
#pragma once

#include "tests/support/amqp_loop.hpp"
#include "worker/broker/broker.hpp"

#include <boost/asio/post.hpp>

#include <atomic>
#include <future>
#include <thread>

namespace pgw::test {

class broker_host {
public:
    explicit broker_host(broker::broker_limits limits = {}, amqp::server_options options = {})
        : broker_(limits, metrics_),
          server_(amqp::make_server(loop_.context(), std::move(options), broker_, {})),
          thread_([this] {
              while (!stopping_.load()) loop_.turn(std::chrono::milliseconds(1));
          }) {}
    ~broker_host() {
        stopping_ = true;
        thread_.join();
        server_.reset();
    }
    std::uint16_t port() const { return server_->port(); }
    std::string url(const std::string& address) const {
        return "amqp://127.0.0.1:" + std::to_string(port()) + "/" + address;
    }
    const broker::broker_metrics& metrics() const { return metrics_; }

private:
    amqp_loop loop_;
    broker::broker_metrics metrics_;
    broker::broker broker_;
    std::unique_ptr<amqp::server> server_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace pgw::test
