// Data plane threads on loopback, with an upstream that is not there: connections find their home,
// and a drain ends the threads.
#include "worker/server/worker_thread.hpp"

#include "tests/unit/mqtt/hex.hpp"
#include "worker/mqtt/encode.hpp"
#include "worker/server/home.hpp"
#include "worker/server/listening_socket.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace pgw::server {
namespace {

using namespace std::chrono_literals;
using mqtt::hex;

manifest::gateway one_route() {
    manifest::gateway gateway;
    gateway.name = "test";
    gateway.authentication.push_back({});
    manifest::upstream upstream;
    upstream.name = "up";
    upstream.type = manifest::upstream_type::artemis;
    upstream.endpoints = {{false, "127.0.0.1", 1}};
    gateway.upstreams.push_back(upstream);
    manifest::publish_route route;
    route.name = "all";
    route.match_topic = "{*rest}";
    route.upstream = "up";
    route.address = "telemetry";
    gateway.routes.publish.push_back(route);
    return gateway;
}

/// A blocking client whose reads end after five seconds.
class caller {
public:
    explicit caller(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval patience{5, 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    }
    ~caller() { ::close(fd_); }
    void send(const mqtt::packet& packet) {
        std::vector<std::byte> bytes;
        mqtt::encode(packet, mqtt::protocol_version::v3_1_1, bytes);
        EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
    }
    /// Exactly so many bytes; fewer when the connection ended.
    std::vector<std::byte> receive(std::size_t size) {
        std::vector<std::byte> got(size);
        const auto n = ::recv(fd_, got.data(), size, MSG_WAITALL);
        got.resize(n > 0 ? std::size_t(n) : 0);
        return got;
    }
    void connect(const std::string& id) {
        send(mqtt::connect{.version = mqtt::protocol_version::v3_1_1, .client_id = id});
        EXPECT_EQ(receive(4), hex("20 02 00 00"));
    }

private:
    int fd_;
};

struct threads : testing::Test {
    static constexpr std::size_t count = 2;

    manifest::gateway gateway = one_route();
    fleet workers{gateway, std::uint64_t{64} << 20, 1 << 20, base::logger()};
    std::uint16_t port = 0;

    void SetUp() override {
        workers.max_connections = 1000;
        amqp::uplink_settings settings;
        settings.container_id = "test";
        settings.upstream = gateway.upstreams[0];
        workers.uplinks.emplace("up", settings);
        for (std::size_t i = 0; i < count; ++i) {
            workers.threads.push_back(std::make_unique<worker_thread>(workers, i));
        }
        auto& listener = workers.listeners.emplace_back();
        listener.name = "mqtt";
        const auto sockets = listen_all("127.0.0.1", port, count);
        for (std::size_t i = 0; i < count; ++i) workers.threads[i]->listen(listener, sockets[i]);
        for (auto& thread : workers.threads) thread->start();
    }
    void end() {
        for (auto& thread : workers.threads) {
            thread->stop_accepting();
            thread->drain(1ms);
        }
        for (auto& thread : workers.threads) thread->join();
    }
};

TEST_F(threads, every_client_is_served_wherever_it_was_accepted) {
    for (int i = 0; i < 20; ++i) {
        caller client(port);
        client.connect("c" + std::to_string(i));
        // Nothing is upstream, but this much the thread answers by itself.
        client.send(mqtt::pingreq{});
        EXPECT_EQ(client.receive(2), hex("d0 00"));
        client.send(
            mqtt::publish{.qos = mqtt::qos::at_least_once, .packet_id = 1, .topic = "$SYS/x"}
        );
        EXPECT_EQ(client.receive(4), hex("40 02 0001"));
    }
    end();
}

TEST_F(threads, takeover_works_across_the_threads_that_accepted) {
    for (int i = 0; i < 10; ++i) {
        caller first(port);
        first.connect("same");
        caller second(port);
        second.connect("same");
        EXPECT_TRUE(first.receive(1).empty()) << "closed";
        second.send(mqtt::pingreq{});
        EXPECT_EQ(second.receive(2), hex("d0 00"));
    }
    end();
}

TEST_F(threads, drain_closes_clients_and_ends_the_threads) {
    caller idle(port);
    idle.connect("idle");
    caller silent(port);
    end();
    EXPECT_TRUE(idle.receive(1).empty());
    EXPECT_TRUE(silent.receive(1).empty());
    for (auto& thread : workers.threads) EXPECT_TRUE(thread->finished());
    EXPECT_EQ(workers.budget.used(), 0u);
}

TEST_F(threads, connections_are_counted_and_the_limit_holds) {
    workers.max_connections = 3;
    caller a(port);
    caller b(port);
    caller c(port);
    a.connect("a");
    b.connect("b");
    c.connect("c");
    caller d(port);
    EXPECT_TRUE(d.receive(1).empty()) << "refused";
    end();
}

}  // namespace
}  // namespace pgw::server
