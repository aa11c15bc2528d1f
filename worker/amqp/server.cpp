// The listener of the server role. See server.hpp.
#include "worker/amqp/server.hpp"

#include "worker/amqp/server_connection.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace pgw::amqp {

namespace {

using boost::asio::ip::tcp;

constexpr base::milliseconds accept_pause{100};  // after an error such as EMFILE
constexpr base::seconds refusal_log_pause{10};   // a flood of connections is no flood of lines

class server_impl final : public server, private connection_owner {
public:
    server_impl(
        engine_context context, server_options options, server_policy& policy, base::logger log
    )
        : context_(std::move(context)),
          options_(std::move(options)),
          policy_(policy),
          log_(std::move(log)),
          acceptor_(context_.io) {
        const tcp::endpoint endpoint(
            boost::asio::ip::make_address(options_.address), options_.port
        );
        acceptor_.open(endpoint.protocol());
        acceptor_.set_option(tcp::acceptor::reuse_address(true));
        acceptor_.bind(endpoint);
        acceptor_.listen();
        port_ = acceptor_.local_endpoint().port();
        accept();
    }

    ~server_impl() override {
        *alive_ = false;
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        // Connections report their links' ends to the policy as they go.
        const auto connections = std::exchange(connections_, {});
    }

    std::uint16_t port() const override { return port_; }

private:
    void accept() {
        acceptor_.async_accept(
            [this, alive = alive_](boost::system::error_code error, tcp::socket socket) {
                if (!*alive) return;
                if (error) {
                    log_.warn("accept failed", {{"error", error.message()}});
                    // EMFILE stays until a descriptor is closed: do not spin.
                    context_.wheel.arm(accept_timer_, context_.now() + accept_pause);
                    return;
                }
                on_socket(std::move(socket));
                accept();
            }
        );
    }
    void on_accept_timer(base::time_point) { accept(); }

    void on_socket(tcp::socket socket) {
        if (connections_.size() >= options_.max_connections && !evict_unopened()) {
            const auto now = context_.now();
            if (now < refusal_logged_ + refusal_log_pause) return;
            refusal_logged_ = now;
            log_.warn("connection refused", {{"limit", options_.max_connections}});
            return;
        }
        boost::system::error_code error;
        socket.set_option(tcp::no_delay(true), error);
        socket.native_non_blocking(true, error);
        const int fd = socket.release(error);
        if (error) return;
        if (!options_.tls) return start(net::byte_stream(fd));
        if (auto stream = options_.tls->open(fd)) return start(std::move(*stream));
        ::close(fd);
    }

    void start(net::byte_stream stream) {
        auto& connection = connections_.emplace_back(
            std::make_unique<server_connection>(context_, static_cast<connection_owner&>(*this))
        );
        connection->start(std::move(stream));
    }

    // The oldest that has proved nothing goes, not the one that comes.
    bool evict_unopened() {
        const auto oldest = std::ranges::find_if(connections_, [](const auto& connection) {
            return !connection->opened() && connection->held() > 0;
        });
        if (oldest == connections_.end()) return false;
        (*oldest)->shed("another one needs the place");
        return true;
    }

    bool charge(server_connection& connection, std::size_t bytes) override {
        if (connection.held() + bytes > options_.max_held_by_connection) return false;
        while (!take(bytes)) {
            const auto largest = std::ranges::max_element(connections_, {}, [](const auto& other) {
                return other->held();
            });
            if (largest == connections_.end() || (*largest)->held() <= connection.held() + bytes) {
                return false;
            }
            (*largest)->shed("others need the memory");
        }
        return true;
    }
    bool take(std::size_t bytes) noexcept {
        if (held_ + bytes > options_.max_held_bytes) return false;
        if (options_.budget != nullptr && !options_.budget->charge(bytes)) return false;
        held_ += bytes;
        return true;
    }
    void release(std::size_t bytes) noexcept override {
        held_ -= bytes;
        if (options_.budget != nullptr) options_.budget->release(bytes);
    }

    server_policy& policy() override { return policy_; }
    const server_options& options() const override { return options_; }
    std::vector<std::byte>& scratch() override { return scratch_; }

    void on_connection_gone(server_connection& connection, const error_text& error) override {
        if (!error.empty()) {
            log_.debug("connection ended", {{"error", error.joined()}});
        }
        std::erase_if(connections_, [&](const auto& entry) { return entry.get() == &connection; });
    }

    engine_context context_;
    server_options options_;
    server_policy& policy_;
    base::logger log_;
    tcp::acceptor acceptor_;
    member_timer<server_impl, &server_impl::on_accept_timer> accept_timer_{*this};
    std::vector<std::unique_ptr<server_connection>> connections_;
    std::vector<std::byte> scratch_;
    std::size_t held_ = 0;  ///< By all connections.
    base::time_point refusal_logged_{};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::uint16_t port_ = 0;
};

}  // namespace

std::unique_ptr<server> make_server(
    engine_context context, server_options options, server_policy& policy, base::logger log
) {
    return std::make_unique<server_impl>(
        std::move(context), std::move(options), policy, std::move(log)
    );
}

}  // namespace pgw::amqp
