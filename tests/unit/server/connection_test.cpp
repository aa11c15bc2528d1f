// A connection over a socket pair: real bytes, a fake thread around it, time in the test's hand.
#include "worker/server/connection.hpp"

#include "tests/unit/mqtt/hex.hpp"
#include "tests/unit/net/socket_pair.hpp"
#include "tests/unit/session/fake_publisher.hpp"
#include "worker/mqtt/encode.hpp"
#include "worker/server/connection_set.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <optional>
#include <string>

namespace pgw::server {
namespace {

using namespace std::chrono_literals;
using mqtt::hex;

struct quiet final : session::notices {
    void on_system_topic(std::string_view, std::string_view) override {}
    void on_refused(std::string_view, std::string_view) override {}
};

/// A thread without a thread: its loop turns when the test says so.
class fake_host final : public connection_host {
public:
    explicit fake_host(std::size_t budget_bytes = std::size_t{1} << 30, std::size_t pending = 100)
        : budget(budget_bytes), connections(pending) {}
    ~fake_host() override { connections.clear(); }

    server::poller& poller() noexcept override { return poller_; }
    base::timing_wheel& wheel() noexcept override { return wheel_; }
    base::flush_queue& flush_queue() noexcept override { return flush_; }
    base::time_point now() const noexcept override { return time; }
    session::services& services() noexcept override { return services_; }
    server_metrics& metrics() noexcept override { return counters; }
    const base::logger& log() noexcept override { return log_; }
    std::span<std::byte> scratch() noexcept override { return scratch_; }
    budget_holders<connection>& holders() noexcept override { return connections.holders(); }
    bool at_home(std::string_view) noexcept override { return home; }
    void move_home(std::string_view client, moving_connection moving) override {
        moved.emplace(std::string(client), std::move(moving));
    }
    void retire(connection& connection) noexcept override {
        connections.retire(connection);
        ++retired;
    }

    /// What is ready, then the flush, until nothing happens any more.
    void turn() {
        for (int i = 0; i < 8; ++i) {
            io_.restart();
            io_.poll();
            flush_.run();
        }
        connections.bury();
    }
    void pass(base::milliseconds by) {
        time += by;
        wheel_.advance(time);
        turn();
    }

    base::time_point time{1h};
    base::byte_budget budget;
    manifest::limits limits;
    session::fake_publisher publisher;
    session::directory clients;
    session::session_metrics sessions;
    server_metrics counters;
    connection_set connections;
    bool home = true;
    int retired = 0;
    std::optional<std::pair<std::string, moving_connection>> moved;

private:
    boost::asio::io_context io_{1};
    base::loop_time loop_time_;
    server::poller poller_{io_, loop_time_};
    base::timing_wheel wheel_{time};
    base::flush_queue flush_;
    base::logger log_;
    std::vector<std::byte> scratch_ =
        std::vector<std::byte>(connection::read_size + connection::joined_size);
    quiet notices_;
    session::will_queue wills_{publisher, limits, sessions, 60s, [] {}};
    session::services services_{
        .limits = limits,
        .publisher = publisher,
        .clients = clients,
        .wills = wills_,
        .budget = budget,
        .metrics = sessions,
        .log = notices_,
        .assign_client_id = [] { return std::string("assigned"); },
        .anonymous_allowed = true,
    };
};

/// The device's end of the pair.
class device {
public:
    explicit device(fake_host& host, std::size_t socket_buffer = 0) : host_(host) {
        auto [ours, theirs] = test::socket_pair();
        fd_ = theirs;
        if (socket_buffer > 0) {
            const int size = int(socket_buffer);
            setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        }
        moving_connection fresh;
        fresh.stream = net::byte_stream(ours);
        fresh.listener = &listener_;
        fresh.accepted = host.now();
        const source from{};
        host.connections.add(host, std::move(fresh), &from).start();
        host.turn();
    }
    ~device() { leave(); }

    void send(base::bytes_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n > 0) bytes = bytes.subspan(std::size_t(n));
            if (n < 0 && errno != EAGAIN) return;
            host_.turn();
            if (n < 0 && !is_read()) return;
        }
    }
    void send(const mqtt::packet& packet) { send(encoded(packet)); }
    static std::vector<std::byte> encoded(const mqtt::packet& packet) {
        std::vector<std::byte> bytes;
        mqtt::encode(packet, mqtt::protocol_version::v3_1_1, bytes);
        return bytes;
    }
    void connect(std::string_view id, bool with_will = false) {
        mqtt::connect packet{.version = mqtt::protocol_version::v3_1_1, .client_id = id};
        if (with_will) packet.will = mqtt::will{.topic = "will"};
        send(packet);
        EXPECT_EQ(received(), hex("20 02 00 00"));
    }
    static mqtt::packet publication(std::uint16_t id) {
        return mqtt::publish{
            .qos = id == 0 ? mqtt::qos::at_most_once : mqtt::qos::at_least_once,
            .packet_id = id,
            .topic = "t",
            .payload = base::as_bytes("x")
        };
    }
    /// All that has come.
    std::vector<std::byte> received() {
        std::vector<std::byte> all(1 << 20);
        std::size_t size = 0;
        for (;;) {
            const auto n = ::recv(fd_, all.data() + size, all.size() - size, 0);
            closed_ = n == 0 || (n < 0 && errno == ECONNRESET);
            if (n <= 0) break;
            size += std::size_t(n);
        }
        all.resize(size);
        return all;
    }
    bool is_closed() {
        received();
        return closed_;
    }
    void leave() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    bool is_read() const {
        int waiting = 0;
        ioctl(fd_, TIOCOUTQ, &waiting);
        return waiting == 0;
    }

    static inline const std::string listener_ = "mqtt";
    fake_host& host_;
    int fd_ = -1;
    bool closed_ = false;
};

TEST(connection, publication_is_answered_when_its_result_comes) {
    fake_host host;
    device client(host);
    client.connect("c");
    client.send(device::publication(1));
    EXPECT_TRUE(client.received().empty());
    host.publisher.complete(0);
    host.turn();
    EXPECT_EQ(client.received(), hex("40 02 0001"));
}

TEST(connection, bytes_in_any_pieces_mean_the_same) {
    for (const std::size_t piece : {1, 2, 3, 7}) {
        fake_host host;
        host.publisher.usual = bridge::submit_status::done;
        device client(host);
        auto all = device::encoded(
            mqtt::connect{.version = mqtt::protocol_version::v3_1_1, .client_id = "c"}
        );
        for (std::uint16_t id = 1; id <= 3; ++id) {
            const auto one = device::encoded(device::publication(id));
            all.insert(all.end(), one.begin(), one.end());
        }
        for (std::size_t at = 0; at < all.size(); at += piece) {
            client.send(base::bytes_view(all).subspan(at, std::min(piece, all.size() - at)));
        }
        EXPECT_EQ(client.received(), hex("20 02 00 00  40 02 0001  40 02 0002  40 02 0003"));
    }
}

TEST(connection, packet_larger_than_a_read_comes_whole_and_its_memory_goes_back) {
    fake_host host;
    host.limits.max_packet_size = 1 << 20;
    host.limits.max_inflight_bytes = 1 << 21;
    device client(host);
    client.connect("c");
    const auto before = host.budget.used();
    const std::string payload(700'000, 'p');
    auto bytes =
        device::encoded(mqtt::publish{.topic = "large", .payload = base::as_bytes(payload)});
    const auto next = device::encoded(device::publication(5));
    bytes.insert(bytes.end(), next.begin(), next.end());
    client.send(bytes);
    ASSERT_EQ(host.publisher.publications.size(), 2u);
    EXPECT_EQ(host.publisher.publications[0].payload, payload);
    EXPECT_EQ(host.publisher.publications[1].topic, "t");
    EXPECT_EQ(host.budget.used(), before);
}

TEST(connection, what_was_received_whole_is_processed_though_the_client_has_closed) {
    fake_host host;
    host.limits.receive_maximum = 8;
    device client(host);
    client.connect("c", true);
    std::vector<std::byte> burst;
    for (std::uint16_t id = 1; id <= 200; ++id) {
        const auto one = device::encoded(device::publication(id));
        burst.insert(burst.end(), one.begin(), one.end());
    }
    const auto goodbye = device::encoded(mqtt::disconnect{});
    burst.insert(burst.end(), goodbye.begin(), goodbye.end());
    client.send(burst);
    client.leave();
    host.turn();
    while (!host.publisher.waiting.empty()) {
        host.publisher.complete(0);
        host.turn();
    }
    ASSERT_EQ(host.publisher.publications.size(), 200u) << "all of them, and no Will";
    EXPECT_EQ(host.publisher.publications.back().topic, "t");
    EXPECT_EQ(host.retired, 1);
    EXPECT_EQ(host.budget.used(), 0u);
}

TEST(connection, client_that_vanishes_has_its_will_published) {
    fake_host host;
    device client(host);
    client.connect("c", true);
    client.send(hex("30 40 00"));  // The beginning of a packet.
    client.leave();
    host.turn();
    ASSERT_EQ(host.publisher.publications.size(), 1u);
    EXPECT_EQ(host.publisher.publications[0].topic, "will");
    EXPECT_EQ(host.retired, 1);
}

TEST(connection, client_that_does_not_read_is_not_read_from) {
    fake_host host;
    device client(host, 4096);
    client.connect("c");
    std::vector<std::byte> pings;
    for (int i = 0; i < 200'000; ++i) {
        pings.push_back(std::byte{0xC0});
        pings.push_back(std::byte{0});
    }
    client.send(pings);
    EXPECT_EQ(host.sessions.paused.value(), 1);
    EXPECT_GT(host.budget.used(), session::max_output_size / 2) << "its unread answers are charged";
    std::size_t answered = 0;
    for (;;) {
        const auto got = client.received().size();
        host.turn();
        if (got == 0) break;
        answered += got;
    }
    EXPECT_GT(answered, session::max_output_size);
    EXPECT_EQ(host.sessions.paused.value(), 0);
}

TEST(connection, other_threads_client_moves_with_all_that_was_read) {
    fake_host host;
    host.home = false;
    device client(host);
    auto bytes = device::encoded(
        mqtt::connect{.version = mqtt::protocol_version::v3_1_1, .client_id = "elsewhere"}
    );
    const auto more = device::encoded(device::publication(1));
    bytes.insert(bytes.end(), more.begin(), more.end());
    client.send(bytes);
    ASSERT_TRUE(host.moved);
    EXPECT_EQ(host.moved->first, "elsewhere");
    EXPECT_EQ(host.moved->second.input, bytes);
    EXPECT_EQ(host.connections.size(), 0u);
    host.home = true;
    host.connections.add(host, std::move(host.moved->second), nullptr).start();
    host.turn();
    EXPECT_EQ(client.received(), hex("20 02 00 00"));
    EXPECT_EQ(host.publisher.publications.size(), 1u);
}

TEST(connection, silence_before_connect_ends_in_time) {
    fake_host host;
    device client(host);
    host.pass(9s);
    EXPECT_FALSE(client.is_closed());
    host.pass(1100ms);
    EXPECT_TRUE(client.is_closed());
}

TEST(connection, keep_alive_follows_the_sessions_turns) {
    fake_host host;
    device client(host);
    client.send(
        mqtt::connect{.version = mqtt::protocol_version::v3_1_1, .keep_alive = 10, .client_id = "c"}
    );
    for (int i = 0; i < 5; ++i) {
        host.pass(10s);
        client.send(mqtt::pingreq{});
        EXPECT_FALSE(client.is_closed()) << i;
    }
    host.pass(16s);
    host.pass(3s);
    EXPECT_TRUE(client.is_closed());
}

TEST(connection, partial_packet_has_a_deadline_of_its_own) {
    fake_host host;
    device client(host);
    client.connect("c");
    client.send(hex("30 40 00"));
    host.pass(29s);
    EXPECT_FALSE(client.is_closed());
    host.pass(1100ms);
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(host.sessions.closes[std::size_t(session::close_cause::packet_timeout)].value(), 1u);
}

TEST(connection, answer_of_a_refusal_arrives_although_more_was_sent) {
    fake_host host;
    device client(host);
    client.connect("c");
    auto bytes = hex("82 02 0001");  // SUBSCRIBE without a filter, and then much more.
    bytes.resize(100'000, std::byte{0});
    client.send(bytes);
    host.turn();
    EXPECT_EQ(host.clients.size(), 0u);
    client.leave();
    host.turn();
    EXPECT_EQ(host.retired, 1);
}

TEST(connection, largest_holder_goes_when_the_budget_is_used_up) {
    fake_host host(300 << 10);
    host.limits.max_packet_size = 1 << 20;
    device hog(host);
    hog.connect("hog");
    auto part = hex("30 c0 84 3d");  // PUBLISH of 1,000,000 bytes.
    part.resize(100'000, std::byte{0});
    hog.send(part);
    device middle(host);
    middle.connect("middle");
    part.resize(50'000);
    middle.send(part);
    EXPECT_LE(host.budget.used(), host.budget.limit());
    device third(host);
    third.connect("third");
    part.resize(70'000);
    third.send(part);
    EXPECT_TRUE(hog.is_closed()) << "it held most";
    EXPECT_FALSE(middle.is_closed());
    EXPECT_FALSE(third.is_closed());
    EXPECT_EQ(host.counters.shed.value(), 1u);
    EXPECT_LE(host.budget.used(), host.budget.limit());
}

TEST(connection, thousand_partial_packets_stay_within_the_budget) {
    fake_host host(1 << 20);
    host.limits.max_packet_size = 1 << 20;
    device healthy(host);
    healthy.connect("healthy");
    auto part = hex("30 c0 84 3d");
    part.resize(20'000, std::byte{0});
    std::vector<std::unique_ptr<device>> crowd;
    for (int i = 0; i < 300; ++i) {
        crowd.push_back(std::make_unique<device>(host));
        crowd.back()->connect("c" + std::to_string(i));
        crowd.back()->send(part);
        ASSERT_LE(host.budget.used(), host.budget.limit());
    }
    healthy.send(device::publication(1));
    host.publisher.complete(0);
    host.turn();
    EXPECT_EQ(healthy.received(), hex("40 02 0001")) << "it holds little and is left alone";
    crowd.clear();
    host.turn();
    EXPECT_LT(host.budget.used(), 200u);
}

TEST(connection, oldest_that_sent_nothing_goes_when_too_many_are_pending) {
    fake_host host(1 << 20, 2);
    device first(host);
    device second(host);
    device third(host);
    EXPECT_TRUE(first.is_closed());
    second.connect("second");
    device fourth(host);
    EXPECT_FALSE(third.is_closed()) << "one of the two has proved something";
    EXPECT_EQ(host.counters.evicted.value(), 1u);
}

TEST(connection_set, drain_tells_each_once_whoever_leaves_meanwhile) {
    fake_host host;
    std::vector<std::unique_ptr<device>> crowd;
    for (int i = 0; i < 20; ++i) {
        crowd.push_back(std::make_unique<device>(host));
        crowd.back()->connect("c" + std::to_string(i));
        crowd.back()->send(device::publication(1));
    }
    while (host.connections.untold() > 0) {
        host.connections.tell(3);
        host.turn();
        crowd.erase(crowd.begin() + std::ptrdiff_t(crowd.size() / 2));
        host.turn();
    }
    while (!host.publisher.waiting.empty()) host.publisher.complete(0);
    host.turn();
    for (auto& client : crowd) {
        client->received();
        EXPECT_TRUE(client->is_closed());
    }
    crowd.clear();
    host.turn();
    EXPECT_EQ(host.connections.size(), 0u);
}

// A conversation that breaks after each byte, in each way: everything is given back.
TEST(connection_sweep, may_break_after_every_byte) {
    std::vector<std::byte> all;
    const auto add = [&](const mqtt::packet& packet) {
        const auto bytes = device::encoded(packet);
        all.insert(all.end(), bytes.begin(), bytes.end());
    };
    mqtt::connect hello{.version = mqtt::protocol_version::v3_1_1, .client_id = "c"};
    hello.will = mqtt::will{.topic = "will"};
    add(hello);
    for (std::uint16_t id = 1; id <= 4; ++id) add(device::publication(id));
    add(mqtt::pingreq{});
    add(mqtt::disconnect{});
    for (std::size_t size = 0; size <= all.size(); ++size) {
        for (int how = 0; how < 5; ++how) {
            fake_host host;
            host.limits.receive_maximum = 2;
            if (how == 1) host.publisher.usual = bridge::submit_status::blocked;
            if (how == 2) host.publisher.usual = bridge::submit_status::done;
            device client(host);
            client.send(base::bytes_view(all).first(size));
            if (how == 3) host.connections.tell(1);
            if (how == 4) host.connections.close_all(session::close_cause::overloaded);
            client.leave();
            host.turn();
            host.publisher.usual = bridge::submit_status::done;
            for (int i = 0; i < 10; ++i) {
                host.publisher.capacity();
                while (!host.publisher.waiting.empty()) host.publisher.complete(0);
                host.turn();
            }
            host.pass(1h);
            EXPECT_EQ(host.connections.size(), 0u) << size << " " << how;
            EXPECT_EQ(host.sessions.connected.value(), 0);
            EXPECT_EQ(host.sessions.paused.value(), 0);
            if (how != 1) {
                EXPECT_EQ(host.budget.used(), 0u) << size << " " << how;
            }
        }
    }
}

}  // namespace
}  // namespace pgw::server
