// How connections come in: the loop, the poller and the acceptor on real sockets.
#include "tests/unit/net/socket_pair.hpp"
#include "worker/server/acceptor.hpp"
#include "worker/server/listening_socket.hpp"
#include "worker/server/loop.hpp"

#include <arpa/inet.h>
#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <vector>

namespace pgw::server {
namespace {

using namespace std::chrono_literals;

/// Runs the loop until the condition holds; a failed one ends after five seconds.
void run_until(loop& loop, std::function<bool()> condition) {
    const auto give_up = base::clock::now() + 5s;
    std::function<void()> look = [&] {
        if (condition() || base::clock::now() > give_up) return loop.stop();
        boost::asio::post(loop.io(), look);
    };
    look();
    loop.run();
    EXPECT_TRUE(condition());
}

struct recorder final : ready_sink {
    void on_ready(readiness_change change) override {
        ++calls;
        readable = readable || change.readable;
        ended = ended || change.ended;
        if (then) then();
    }
    int calls = 0;
    bool readable = false;
    bool ended = false;
    std::function<void()> then;
};

TEST(poller, edge_comes_once_and_the_end_is_told) {
    loop loop;
    const auto [ours, theirs] = test::socket_pair();
    recorder sink;
    ASSERT_TRUE(loop.poller().watch(ours, sink));
    EXPECT_FALSE(loop.poller().watch(ours, sink)) << "once";
    ASSERT_EQ(::write(theirs, "x", 1), 1);
    run_until(loop, [&] { return sink.readable; });
    EXPECT_FALSE(sink.ended);
    ::close(theirs);
    run_until(loop, [&] { return sink.ended; });
    const int calls = sink.calls;
    int turns = 0;
    run_until(loop, [&] { return ++turns > 100; });
    EXPECT_EQ(sink.calls, calls) << "unread bytes are not told again";
    loop.poller().unwatch(ours);
    ::close(ours);
}

TEST(poller, more_sockets_than_a_batch_are_all_served) {
    loop loop;
    std::vector<std::pair<int, int>> pairs;
    std::vector<recorder> sinks(600);
    for (auto& sink : sinks) {
        pairs.push_back(test::socket_pair());
        ASSERT_TRUE(loop.poller().watch(pairs.back().first, sink));
    }
    for (const auto& [ours, theirs] : pairs) ASSERT_EQ(::write(theirs, "x", 1), 1);
    run_until(loop, [&] {
        return std::all_of(sinks.begin(), sinks.end(), [](auto& s) { return s.readable; });
    });
    for (const auto& [ours, theirs] : pairs) {
        loop.poller().unwatch(ours);
        ::close(ours);
        ::close(theirs);
    }
}

TEST(loop, flushes_at_the_end_of_the_turn_and_ticks) {
    loop loop;
    struct writer final : base::flushable {
        void flush() override { ++flushes; }
        int flushes = 0;
    } writer;
    int marks = 0;
    boost::asio::post(loop.io(), [&] {
        for (; marks < 10; ++marks) loop.flush().mark(writer, base::flush_queue::stage::device);
    });
    int ticks = 0;
    loop.on_tick([&](base::time_point) {
        if (++ticks == 2) loop.stop();
    });
    loop.run();
    EXPECT_EQ(writer.flushes, 1);
    EXPECT_EQ(ticks, 2);
}

struct receiver final : accepting_host {
    bool make_place() override { return room; }
    bool evict_pending() override { return evict && evict(); }
    void on_accepted(net::byte_stream stream, const shared_listener&, const source& from) override {
        streams.push_back(std::move(stream));
        sources.push_back(from);
    }
    bool room = true;
    std::function<bool()> evict;
    std::vector<net::byte_stream> streams;
    std::vector<source> sources;
};

int call(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return fd;
}

struct accepting : testing::Test {
    loop turns;
    receiver host;
    server_metrics metrics;
    shared_listener listener;
    std::uint16_t port = 0;
    std::vector<int> calls;

    std::unique_ptr<acceptor> open(std::uint64_t descriptors = 1 << 20) {
        const auto sockets = listen_all("127.0.0.1", port, 1);
        auto made = std::make_unique<acceptor>(
            turns, host, sockets[0], listener, descriptors, metrics, base::logger()
        );
        made->start();
        return made;
    }
    void TearDown() override {
        for (const int fd : calls) ::close(fd);
    }
};

TEST_F(accepting, takes_all_that_wait_and_says_from_where) {
    const auto door = open();
    for (int i = 0; i < 100; ++i) calls.push_back(call(port));
    run_until(turns, [&] { return host.streams.size() == 100; });
    EXPECT_EQ(metrics.accepted.value(), 100u);
    EXPECT_EQ(host.sources[0], host.sources[99]);
    EXPECT_EQ(host.sources[0].address[0], 127);
    EXPECT_EQ(host.sources[0].listener, &listener);
}

TEST_F(accepting, full_worker_refuses_and_counts) {
    const auto door = open();
    host.room = false;
    calls.push_back(call(port));
    run_until(turns, [&] { return metrics.refused_limit.value() == 1; });
    char byte = 0;
    EXPECT_EQ(::recv(calls[0], &byte, 1, 0), 0) << "closed at once";
}

TEST_F(accepting, reserve_of_descriptors_is_not_touched) {
    const auto door = open(3);
    calls.push_back(call(port));
    run_until(turns, [&] { return metrics.refused_descriptors.value() == 1; });
    EXPECT_TRUE(host.streams.empty());
}

TEST_F(accepting, who_has_proved_nothing_gives_its_descriptor_to_the_next) {
    const auto door = open(200);
    // Takes every number below the limit but one, which is "evicted".
    std::vector<int> taken;
    while (taken.empty() || taken.back() < 210) taken.push_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    const int evicted = taken.front();
    host.evict = [&] { return ::close(evicted) == 0; };
    calls.push_back(call(port));
    run_until(turns, [&] { return host.streams.size() == 1; });
    EXPECT_EQ(host.streams[0].fd(), evicted);
    EXPECT_EQ(metrics.refused_descriptors.value(), 0u);
    for (const int fd : taken) {
        if (fd != evicted) ::close(fd);
    }
}

TEST_F(accepting, kernel_buffers_of_a_device_are_bounded) {
    const auto door = open();
    calls.push_back(call(port));
    run_until(turns, [&] { return host.streams.size() == 1; });
    for (const int option : {SO_RCVBUF, SO_SNDBUF}) {
        int size = 0;
        socklen_t length = sizeof size;
        ASSERT_EQ(::getsockopt(host.streams[0].fd(), SOL_SOCKET, option, &size, &length), 0);
        EXPECT_LE(size, 256 << 10);
    }
    int no_delay = 0;
    socklen_t length = sizeof no_delay;
    getsockopt(host.streams[0].fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length);
    EXPECT_NE(no_delay, 0) << "inherited as well";
}

TEST_F(accepting, stopped_acceptor_accepts_no_more) {
    const auto door = open();
    door->stop();
    int rounds = 0;
    run_until(turns, [&] { return ++rounds > 10; });
    EXPECT_TRUE(host.streams.empty());
}

}  // namespace
}  // namespace pgw::server
