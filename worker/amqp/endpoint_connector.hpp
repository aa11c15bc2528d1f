// Resolves a host and connects a TCP socket, one address after the other. Internal: sees Asio.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "worker/amqp/engine.hpp"
#include "worker/amqp/member_timer.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pgw::amqp {

/// One attempt. `done` is called at most once, never from inside start(), and not after cancel().
class endpoint_connector final : public std::enable_shared_from_this<endpoint_connector> {
public:
    /// `fd` is connected, non-blocking, with TCP_NODELAY; -1: `error` says why not. The receiver
    /// owns it.
    using handler = std::function<void(int fd, const std::string& error)>;

    endpoint_connector(const engine_context& context, base::milliseconds timeout, handler done);
    void start(const manifest::endpoint& endpoint);
    void cancel();

private:
    void connect_next();
    void on_timeout(base::time_point now);
    void finish(int fd, const std::string& error);

    engine_context context_;
    base::milliseconds timeout_;
    handler done_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::ip::tcp::socket socket_;
    std::vector<boost::asio::ip::tcp::endpoint> addresses_;
    std::size_t next_ = 0;
    std::string last_error_ = "no address found";
    member_timer<endpoint_connector, &endpoint_connector::on_timeout> timer_{*this};
};

}  // namespace pgw::amqp
