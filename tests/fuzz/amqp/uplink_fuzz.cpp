// A hostile upstream's bytes through our driver and Proton into an uplink with two senders.
#include "tests/fuzz/amqp/peer_fuzz.hpp"
#include "worker/amqp/uplink_connection.hpp"

using namespace pgw;

namespace {

struct events final : amqp::sender_events, amqp::connection_events {
    void on_sendable() override {
        constexpr std::array<std::byte, 5> message{
            std::byte{0x00}, std::byte{0x53}, std::byte{0x75}, std::byte{0xa0}, std::byte{0x00}
        };
        for (int i = 0; i < 8 && sender; ++i) sender->try_send(message, next_token++);
        if (sender && next_token > 4) sender->abandon(next_token - 3);
    }
    void on_outcome(std::uint64_t, const amqp::outcome&) override {}
    void on_lost(const amqp::loss&) override {}
    void on_open() override {}
    void on_accepted() override {}
    void on_links_failed() override {}
    void on_gone(const amqp::error_text&) override { gone = true; }

    std::shared_ptr<amqp::sender_link> sender;
    std::uint64_t next_token = 0;
    bool gone = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static test::amqp_loop loop;
    auto context = loop.context();
    std::uint32_t counter = 0;
    context.random = [&counter] { return counter++; };  // link names that a corpus can know
    amqp::uplink_settings settings;
    settings.container_id = "gw";
    amqp::uplink_metrics metrics;
    events host;
    const base::logger log;
    amqp::uplink_connection connection(context, settings, metrics, host, log);
    host.sender = connection.open_sender({"a", false}, host);
    const auto other = connection.open_sender({"", true}, host);
    test::feed(
        loop,
        data,
        size,
        [&](net::byte_stream stream) { connection.start(std::move(stream), "h"); },
        [&] { return host.gone; }
    );
    other->release();
    return 0;
}
