// TLS to the upstream, and peers that do not speak AMQP at all.
#include "tests/integration/amqp/uplink_fixture.hpp"
#include "tests/support/certificates.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <thread>

namespace pgw::test {
namespace {

using boost::asio::ip::tcp;

class uplink_tls_test : public uplink_test {
protected:
    uplink_tls_test() {
        const auto authority = certificate::authority("test CA");
        const auto server = authority.issue("upstream.test", "DNS:upstream.test");
        files.write("ca.crt", authority.certificate_pem());
        files.write("tls.crt", server.certificate_pem());
        files.write("tls.key", server.key_pem());
    }
    void listen() {
        peer_options options;
        options.tls = std::make_shared<net::tls_context>(net::tls_files{
            net::tls_role::server, files.path("tls.crt"), files.path("tls.key"), {}, {}
        });
        ASSERT_EQ(options.tls->reload(), std::nullopt);
        peer = std::make_unique<amqp_peer>(options);
    }
    amqp::uplink_settings tls_settings(const std::string& server_name, bool trusted) {
        auto settings = settings_for({});
        settings.upstream.endpoints = {{true, "127.0.0.1", peer->port()}};
        settings.upstream.tls.emplace();
        settings.upstream.tls->server_name = server_name;
        settings.tls = std::make_shared<net::tls_context>(net::tls_files{
            net::tls_role::client,
            {},
            {},
            trusted ? files.path("ca.crt") : std::string(),
            net::peer_verification::required
        });
        EXPECT_EQ(settings.tls->reload(), std::nullopt);
        return settings;
    }
    temporary_directory files;
    std::unique_ptr<amqp_peer> peer;
};

TEST_F(uplink_tls_test, a_trusted_certificate_with_the_right_name_is_taken) {
    listen();
    start(tls_settings("upstream.test", true));
    open();
    ASSERT_TRUE(ready());
    const std::string large(200'000, 'x');
    ASSERT_EQ(send(large, 1), amqp::send_status::sent);
    ASSERT_EQ(send("small", 2), amqp::send_status::sent);
    ASSERT_TRUE(outcomes(2));
    EXPECT_EQ(peer->messages()[0].bytes.size(), data_message(large).size());
    uplink->close();
    EXPECT_TRUE(loop.run_until([&] { return uplink->state() == amqp::uplink_state::closed; }));
}

TEST_F(uplink_tls_test, a_wrong_name_is_refused) {
    listen();
    start(tls_settings("other.test", true));
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 1; }));
    EXPECT_EQ(metrics.connects.value(), 0u);
    EXPECT_NE(uplink->last_error().find("TLS"), std::string::npos) << uplink->last_error();
}

TEST_F(uplink_tls_test, an_unknown_authority_is_refused) {
    listen();
    start(tls_settings("upstream.test", false));
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 1; }));
    EXPECT_EQ(metrics.connects.value(), 0u);
}

TEST_F(uplink_tls_test, a_peer_without_tls_is_refused) {
    amqp_peer plain;
    listen();
    auto settings = tls_settings("upstream.test", true);
    settings.upstream.endpoints = {{true, "127.0.0.1", plain.port()}};
    start(settings);
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 1; }));
    EXPECT_EQ(metrics.connects.value(), 0u);
}

/// Answers each connection with the same bytes, then says nothing more.
class raw_peer {
public:
    raw_peer(std::string answer, bool hang_up)
        : acceptor_(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
          port_(acceptor_.local_endpoint().port()),
          thread_([this, answer = std::move(answer), hang_up] { serve(answer, hang_up); }) {}
    ~raw_peer() {
        stopping_ = true;
        boost::system::error_code ignored;
        boost::asio::io_context io;
        tcp::socket(io).connect({boost::asio::ip::address_v4::loopback(), port_}, ignored);
        thread_.join();
    }
    std::uint16_t port() const { return port_; }

private:
    void serve(const std::string& answer, bool hang_up) {
        std::vector<tcp::socket> kept;
        while (!stopping_.load()) {
            boost::system::error_code error;
            tcp::socket socket(io_);
            acceptor_.accept(socket, error);
            if (error || stopping_.load()) break;
            socket.write_some(boost::asio::buffer(answer), error);
            if (!hang_up) kept.push_back(std::move(socket));
        }
    }
    boost::asio::io_context io_;
    tcp::acceptor acceptor_;
    std::uint16_t port_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

struct garbage_row {
    const char* name;
    std::string answer;
    bool hang_up;
};
class uplink_garbage_test : public uplink_test, public testing::WithParamInterface<garbage_row> {};

TEST_P(uplink_garbage_test, ends_the_attempt_with_a_reason_and_is_tried_again) {
    raw_peer peer(GetParam().answer, GetParam().hang_up);
    auto settings = settings_for({peer.port()});
    settings.upstream.limits.connect_timeout = base::milliseconds(200);
    start(settings);
    open();
    ASSERT_TRUE(loop.run_until([&] { return metrics.connection_failures.value() >= 2; }));
    EXPECT_NE(uplink->last_error(), "");
    EXPECT_EQ(metrics.connects.value(), 0u);
}

using namespace std::string_literals;
INSTANTIATE_TEST_SUITE_P(
    every,
    uplink_garbage_test,
    testing::Values(
        garbage_row{"silence", "", false},
        garbage_row{"hang_up", "", true},
        garbage_row{"http", "HTTP/1.1 400 Bad Request\r\n\r\n", true},
        garbage_row{"older_amqp", "AMQP\x00\x00\x09\x01"s, true},
        garbage_row{
            "oversized_frame", "AMQP\x03\x01\x00\x00\x7f\xff\xff\xff\x02\x01\x00\x00"s, false
        },
        garbage_row{
            "deep_nesting",
            "AMQP\x03\x01\x00\x00\x00\x00\x01\x08\x02\x01\x00\x00"s + std::string(256, '\0'),
            false
        },
        garbage_row{"noise", std::string(5000, '\xee'), false}
    ),
    [](const auto& row) { return std::string(row.param.name); }
);

TEST(server_garbage_test, raw_bytes_end_their_connection_and_no_other) {
    amqp_peer peer;
    boost::asio::io_context io;
    for (const auto& bytes :
         {"GET / HTTP/1.1\r\n\r\n"s,
          std::string(100'000, '\xff'),
          "AMQP\x00\x01\x00\x00"s + "\x00\x00\x01\x08\x02\x00\x00\x00"s + std::string(256, '\0')}) {
        tcp::socket socket(io);
        socket.connect({boost::asio::ip::address_v4::loopback(), peer.port()});
        boost::system::error_code error;
        socket.write_some(boost::asio::buffer(bytes), error);
        // Whatever is answered, the end of the stream comes within the server's bounds.
        std::array<char, 4096> answer;
        while (!error) socket.read_some(boost::asio::buffer(answer), error);
    }
    amqp_loop loop;
    amqp::uplink_metrics metrics;
    amqp::uplink_settings settings;
    settings.container_id = "after";
    settings.upstream.endpoints = {{false, "127.0.0.1", peer.port()}};
    const auto uplink = amqp::make_uplink(loop.context(), settings, metrics, {});
    EXPECT_TRUE(loop.run_until([&] { return metrics.connected.value() == 1; }));
}

}  // namespace
}  // namespace pgw::test
