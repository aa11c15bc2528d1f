#include "worker/amqp/endpoint_connector.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <unistd.h>

#include <utility>

namespace pgw::amqp {

namespace {

constexpr std::size_t most_addresses = 8;

}  // namespace

endpoint_connector::endpoint_connector(
    const engine_context& context, base::milliseconds timeout, handler done
)
    : context_(context),
      timeout_(timeout),
      done_(std::move(done)),
      resolver_(context.io),
      socket_(context.io) {}

void endpoint_connector::start(const manifest::endpoint& endpoint) {
    const auto port =
        endpoint.port != 0 ? endpoint.port : static_cast<std::uint16_t>(endpoint.tls ? 5671 : 5672);
    context_.wheel.arm(timer_, context_.now() + timeout_);
    boost::system::error_code error;
    const auto literal = boost::asio::ip::make_address(endpoint.host, error);
    if (!error) {
        addresses_.emplace_back(literal, port);
        boost::asio::post(context_.io, [self = shared_from_this()] { self->connect_next(); });
        return;
    }
    resolver_.async_resolve(
        endpoint.host,
        std::to_string(port),
        [self = shared_from_this(
         )](boost::system::error_code failure,
            const boost::asio::ip::tcp::resolver::results_type& found) {
            if (!self->done_) return;
            if (failure) return self->finish(-1, "cannot resolve: " + failure.message());
            for (const auto& entry : found) {
                if (self->addresses_.size() < most_addresses) {
                    self->addresses_.push_back(entry.endpoint());
                }
            }
            self->connect_next();
        }
    );
}

void endpoint_connector::connect_next() {
    if (!done_) return;
    if (next_ >= addresses_.size()) return finish(-1, last_error_);
    const auto address = addresses_[next_++];
    boost::system::error_code ignored;
    socket_.close(ignored);
    socket_ = boost::asio::ip::tcp::socket(context_.io);
    context_.wheel.arm(timer_, context_.now() + timeout_);
    socket_.async_connect(
        address,
        [self = shared_from_this(), attempt = next_](boost::system::error_code error) {
            if (!self->done_ || self->next_ != attempt) return;
            if (error) {
                self->last_error_ = error.message();
                return self->connect_next();
            }
            boost::system::error_code option_error;
            self->socket_.set_option(boost::asio::ip::tcp::no_delay(true), option_error);
            self->socket_.native_non_blocking(true, option_error);
            const int fd = self->socket_.release(option_error);
            if (option_error) {
                return self->finish(-1, option_error.message());
            }
            self->finish(fd, {});
        }
    );
}

void endpoint_connector::on_timeout(base::time_point) {
    last_error_ = "timed out";
    if (addresses_.empty()) {
        resolver_.cancel();
        return finish(-1, "cannot resolve: timed out");
    }
    connect_next();
}

void endpoint_connector::cancel() {
    done_ = nullptr;
    context_.wheel.cancel(timer_);
    resolver_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void endpoint_connector::finish(int fd, const std::string& error) {
    context_.wheel.cancel(timer_);
    if (auto done = std::exchange(done_, nullptr)) {
        done(fd, error);
    } else if (fd >= 0) {
        ::close(fd);
    }
}

}  // namespace pgw::amqp
