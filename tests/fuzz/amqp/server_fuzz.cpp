// A hostile client's bytes through our driver and Proton into the embedded broker.
#include "tests/fuzz/amqp/peer_fuzz.hpp"
#include "worker/amqp/server_connection.hpp"
#include "worker/broker/broker.hpp"

#include <cstdlib>
#include <memory>

using namespace pgw;

namespace {

struct owner final : amqp::connection_owner {
    amqp::server_policy& policy() override { return broker; }
    const amqp::server_options& options() const override { return settings; }
    std::vector<std::byte>& scratch() override { return buffer; }
    bool charge(amqp::server_connection& asking, std::size_t bytes) override {
        if (asking.held() + bytes > settings.max_held_by_connection) return false;
        held += bytes;
        return true;
    }
    void release(std::size_t bytes) noexcept override {
        if (bytes > held) std::abort();
        held -= bytes;
    }
    void on_connection_gone(amqp::server_connection&, const amqp::error_text&) override {
        connection.reset();
    }

    broker::broker_metrics metrics;
    broker::broker broker{{1u << 20, 16}, metrics};
    amqp::server_options settings;
    std::vector<std::byte> buffer;
    std::size_t held = 0;
    std::unique_ptr<amqp::server_connection> connection;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static test::amqp_loop loop;
    owner host;
    host.connection = std::make_unique<amqp::server_connection>(
        loop.context(), static_cast<amqp::connection_owner&>(host)
    );
    test::feed(
        loop,
        data,
        size,
        [&](net::byte_stream stream) { host.connection->start(std::move(stream)); },
        [&] { return host.connection == nullptr; }
    );
    host.connection.reset();
    return 0;
}
