// The admin server over real sockets: what it answers, and what it survives.
#include "common/net/admin_server.hpp"

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace {

using pgw::net::admin_handlers;
using pgw::net::admin_options;
using pgw::net::admin_server;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// A blocking client.
class client {
public:
    explicit client(std::uint16_t port, const sockaddr_in* source = nullptr)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval limit{20, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (source != nullptr) {
            ::bind(fd_, reinterpret_cast<const sockaddr*>(source), sizeof *source);
        }
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::system_error(errno, std::generic_category(), "connect");
        }
    }
    ~client() { ::close(fd_); }
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    void send(std::string_view text) {
        while (!text.empty()) {
            const auto n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// Reads until `end` has been seen, or the peer closes.
    std::string receive_until(std::string_view end) {
        std::string text;
        std::array<char, 4096> buffer;
        while (text.find(end) == std::string::npos) {
            const auto n = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (n <= 0) break;
            text.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return text;
    }
    std::string receive_all() { return receive_until("\x01 never sent"); }
    /// Ended in order, neither by a time-out nor with data.
    bool is_closed() {
        char c = 0;
        const auto n = ::recv(fd_, &c, 1, 0);
        return n == 0 || (n < 0 && errno == ECONNRESET);
    }

private:
    int fd_;
};

struct admin_server_test : testing::Test {
    admin_server_test() {
        handlers.metrics = [] { return std::string("pgw_x 1\n"); };
        handlers.live = [] { return true; };
        handlers.ready = [this] {
            return std::pair(is_ready.load(), std::string(is_ready ? "ready" : "upstream down"));
        };
        handlers.status = [] { return std::string("{\"clients\":0}"); };
        handlers.config = [] { return std::string("{\"kind\":\"ProtocolGateway\"}"); };
    }
    ~admin_server_test() override { finish(); }

    void start(admin_options options = {"127.0.0.1", 0, 64}) {
        server = std::make_unique<admin_server>(io, options, handlers, pgw::base::logger());
        server->start();
        port = server->port();
        thread = std::thread([this] { io.run(); });
    }
    void finish() {
        if (!thread.joinable()) return;
        boost::asio::post(io, [this] { server->stop(); });
        thread.join();  // stop leaves nothing to do
    }
    std::string ask(const std::string& request_line, const std::string& fields = "") {
        client c(port);
        c.send(request_line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields + "\r\n");
        return c.receive_all();
    }

    boost::asio::io_context io{1};
    admin_handlers handlers;
    std::atomic<bool> is_ready{true};
    std::unique_ptr<admin_server> server;
    std::thread thread;
    std::uint16_t port = 0;
};

TEST_F(admin_server_test, without_a_handler_an_endpoint_is_not_found) {
    handlers.metrics = nullptr;
    handlers.config = nullptr;
    start();
    EXPECT_THAT(ask("GET /livez"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask("GET /metrics"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(ask("GET /config"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(admin_server_test, without_any_handler_nothing_is_found) {
    handlers = {};
    start();
    for (const auto* path : {"/metrics", "/livez", "/readyz", "/status", "/config"}) {
        EXPECT_THAT(ask(std::string("GET ") + path), StartsWith("HTTP/1.1 404 "));
    }
}

TEST_F(admin_server_test, endpoints_answer) {
    start();
    EXPECT_THAT(
        ask("GET /metrics"),
        AllOf(
            StartsWith("HTTP/1.1 200 OK\r\n"),
            HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            EndsWith("\r\n\r\npgw_x 1\n")
        )
    );
    EXPECT_THAT(ask("GET /livez"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("ok\n")));
    EXPECT_THAT(ask("GET /readyz?verbose"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(
        ask("GET /status"),
        AllOf(HasSubstr("Content-Type: application/json\r\n"), EndsWith("{\"clients\":0}"))
    );
    EXPECT_THAT(ask("GET /config"), EndsWith("{\"kind\":\"ProtocolGateway\"}"));
    is_ready = false;
    EXPECT_THAT(
        ask("GET /readyz"), AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("upstream down\n"))
    );
}

TEST_F(admin_server_test, head_has_the_length_and_no_body) {
    start();
    EXPECT_THAT(
        ask("HEAD /metrics"), AllOf(HasSubstr("Content-Length: 8\r\n"), EndsWith("\r\n\r\n"))
    );
}

TEST_F(admin_server_test, other_methods_and_paths_are_refused) {
    start();
    for (const std::string method :
         {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"}) {
        EXPECT_THAT(
            ask(method + " /metrics"),
            AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n"))
        ) << method;
    }
    for (const std::string path : {"/", "/metrics/", "//metrics", "/../config", "*", "/configx"}) {
        EXPECT_THAT(ask("GET " + path), StartsWith("HTTP/1.1 404 ")) << path;
    }
}

TEST_F(admin_server_test, connections_are_kept_for_further_and_pipelined_requests) {
    start();
    client c(port);
    c.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(c.receive_until("ok\n"), StartsWith("HTTP/1.1 200 "));
    c.send(
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET "
        "/livez "
        "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    );
    const auto rest = c.receive_all();
    EXPECT_THAT(rest, AllOf(HasSubstr("pgw_x 1\n"), HasSubstr("404"), EndsWith("ok\n")));
}

TEST_F(admin_server_test, http_1_0_gets_one_answer) {
    start();
    client c(port);
    c.send("GET /livez HTTP/1.0\r\n\r\n");
    EXPECT_THAT(c.receive_all(), AllOf(StartsWith("HTTP/1.0 200 "), EndsWith("ok\n")));
}

TEST_F(admin_server_test, malformed_requests_get_400_and_the_connection_ends) {
    start();
    for (const std::string text :
         {"nonsense\r\n\r\n",
          "GET /livez\r\n\r\n",
          "GET  HTTP/1.1\r\n\r\n",
          "GET /livez HTTP/9.9\r\n\r\n",
          "GET /livez HTTP/1.1\r\nbad field\r\n\r\n",
          "GET /livez HTTP/1.1\r\nContent-Length: x\r\n\r\n",
          "GET /li\001vez HTTP/1.1\r\n\r\n",
          "\x16\x03\x01\x02\x01 TLS hello \r\n\r\n"}) {
        client c(port);
        c.send(text);
        EXPECT_THAT(c.receive_all(), StartsWith("HTTP/1.1 400 ")) << text;
    }
    EXPECT_THAT(ask("GET /livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(admin_server_test, bodies_are_refused_and_never_taken_for_a_request) {
    start();
    client c(port);
    c.send(
        "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\nGET /config HTTP/1.1\r\n\r\n"
    );
    EXPECT_THAT(
        c.receive_all(), AllOf(StartsWith("HTTP/1.1 400 "), testing::Not(HasSubstr("kind")))
    );
}

TEST_F(admin_server_test, header_beyond_8_kB_is_refused) {
    start();
    EXPECT_THAT(
        ask("GET /livez", "X: " + std::string(7000, 'x') + "\r\n"), StartsWith("HTTP/1.1 200 ")
    );
    EXPECT_THAT(
        ask("GET /livez", "X: " + std::string(60'000, 'x') + "\r\n"), StartsWith("HTTP/1.1 431 ")
    );
}

TEST_F(admin_server_test, a_newcomer_to_a_full_server_is_served_and_the_longest_idle_one_closed) {
    start({"127.0.0.1", 0, 2});
    client a(port), b(port);
    a.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(a.receive_until("ok\n"), EndsWith("ok\n"));
    b.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(b.receive_until("ok\n"), EndsWith("ok\n"));
    client c(port);
    c.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(c.receive_until("ok\n"), EndsWith("ok\n"));
    EXPECT_TRUE(a.is_closed());
    b.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(b.receive_until("ok\n"), EndsWith("ok\n"));
}

TEST_F(admin_server_test, slow_readers_of_long_answers_leave_room_for_probes) {
    handlers.metrics = [] { return std::string(std::size_t{8} << 20, 'm'); };
    start({"127.0.0.1", 0, 4});
    std::vector<std::unique_ptr<client>> slow;
    for (int i = 0; i < 20; ++i) {
        slow.push_back(std::make_unique<client>(port));
        slow.back()->send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_THAT(ask("GET /livez"), EndsWith("ok\n")) << i;
    }
}

TEST_F(admin_server_test, more_than_one_host_or_none_is_refused) {
    start();
    for (const std::string fields :
         {"", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n", "Host: a b\r\n"}) {
        client c(port);
        c.send("GET /livez HTTP/1.1\r\n" + fields + "\r\n");
        EXPECT_THAT(c.receive_all(), StartsWith("HTTP/1.1 400 ")) << fields;
    }
}

TEST_F(admin_server_test, under_a_foreign_name_only_probes_are_answered) {
    start({"127.0.0.1", 0, 64, {"gateway.example.com"}});
    const auto ask_as = [&](const std::string& path, const std::string& host) {
        client c(port);
        c.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
        return c.receive_all();
    };
    for (const auto* path : {"/metrics", "/status", "/config"}) {
        EXPECT_THAT(ask_as(path, "rebound.example:9090"), StartsWith("HTTP/1.1 421 ")) << path;
        for (const auto* own :
             {"127.0.0.1:9090", "[::1]:9090", "localhost", "pgw.plant.svc", "GATEWAY.example.com"
             }) {
            EXPECT_THAT(ask_as(path, own), StartsWith("HTTP/1.1 200 ")) << path << " " << own;
        }
    }
    EXPECT_THAT(ask_as("/livez", "rebound.example"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(ask_as("/readyz", "rebound.example"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(admin_server_test, no_way_to_announce_a_body_hides_a_second_request) {
    start();
    const std::pair<std::string, std::string> rows[] = {
        {"Transfer-Encoding: chunked\r\n", "400"},
        {"Transfer-Encoding: xchunked\r\n", "501"},
        {"Transfer-Encoding: identity\r\n", "501"},
        {"Transfer-Encoding: chunked, identity\r\n", "501"},
        {"Transfer-Encoding: gzip, chunked\r\n", "501"},
        {"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n", "400"},
        {"Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n", "400"},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "400"},
        {"Transfer-Encoding : chunked\r\n", "400"},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "400"},
        {"Content-Length: 0\r\nContent-Length: 0\r\n", "400"},
        {"Content-Length: 0\r\nContent-Length: 30\r\n", "400"},
        {"Content-Length: 0, 30\r\n", "400"},
        {"Content-Length: +30\r\n", "400"},
        {"Content-Length: -1\r\n", "400"},
        {"Content-Length: 0x1e\r\n", "400"},
        {"Content-Length: 1 0\r\n", "400"},
        {"Content-Length: 99999999999999999999\r\n", "400"},
        {"Content-Length : 30\r\n", "400"},
        {std::string("X: a\0b\r\n", 8), "400"},
        {"X: a\nContent-Length: 30\r\n", "400"},
    };
    for (const auto& [fields, status] : rows) {
        client c(port);
        c.send(
            "GET /livez HTTP/1.1\r\nHost: x\r\n" + fields +
            "\r\n0\r\n\r\nGET /config HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        EXPECT_THAT(
            c.receive_all(),
            AllOf(
                testing::AnyOf(StartsWith("HTTP/1.1 " + status), StartsWith("HTTP/1.1 400 ")),
                testing::Not(HasSubstr("kind"))
            )
        ) << fields;
    }
}

TEST_F(admin_server_test, request_that_drips_in_is_cut_off_after_ten_seconds) {
    start();
    client c(port);
    const auto begin = std::chrono::steady_clock::now();
    c.send("GET /livez HTTP/1.1\r\n");
    std::atomic<bool> done{false};
    std::thread drip([&] {
        while (!done) {
            c.send("X: y\r\n");
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
        }
    });
    c.receive_all();
    const auto taken = std::chrono::steady_clock::now() - begin;
    done = true;
    drip.join();
    EXPECT_GE(taken, std::chrono::seconds(9));
    EXPECT_LE(taken, std::chrono::seconds(16));
    EXPECT_THAT(ask("GET /livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(admin_server_test, handler_that_throws_is_answered_500) {
    handlers.status = []() -> std::string { throw std::runtime_error("broken"); };
    start();
    EXPECT_THAT(
        ask("GET /status"), AllOf(StartsWith("HTTP/1.1 500 "), testing::Not(HasSubstr("broken")))
    );
    EXPECT_THAT(ask("GET /livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(admin_server_test, stop_closes_listener_and_connections) {
    start();
    client c(port);
    c.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(c.receive_until("ok\n"), EndsWith("ok\n"));
    finish();
    EXPECT_TRUE(c.is_closed());
    EXPECT_THROW(client{port}, std::system_error);
}

TEST_F(admin_server_test, port_that_is_taken_and_address_that_is_none_are_reported) {
    start();
    admin_server second(io, {"127.0.0.1", port, 64}, handlers, pgw::base::logger());
    EXPECT_THROW(second.start(), std::system_error);
    admin_server third(io, {"nowhere", 0, 64}, handlers, pgw::base::logger());
    EXPECT_THROW(third.start(), std::system_error);
}

TEST_F(admin_server_test, server_may_be_destroyed_with_open_connections) {
    start();
    client c(port);
    c.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    c.receive_until("ok\n");
    boost::asio::post(io, [this] { server.reset(); });
    thread.join();
    EXPECT_TRUE(c.is_closed());
}

TEST_F(admin_server_test, peers_elsewhere_get_no_configuration) {
    // A connection over the loopback interface whose source is the address of another one, where
    // there is one.
    sockaddr_in remote{};
    remote.sin_family = AF_INET;
    remote.sin_port = htons(9);
    ::inet_pton(AF_INET, "192.0.2.1", &remote.sin_addr);
    sockaddr_in local{};
    socklen_t length = sizeof local;
    const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool has_route =
        ::connect(probe, reinterpret_cast<const sockaddr*>(&remote), sizeof remote) == 0 &&
        ::getsockname(probe, reinterpret_cast<sockaddr*>(&local), &length) == 0;
    ::close(probe);
    if (!has_route) GTEST_SKIP() << "no interface but loopback";
    local.sin_port = 0;

    start();
    client c(port, &local);
    c.send("GET /config HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(c.receive_until("only\n"), StartsWith("HTTP/1.1 403 "));
    c.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(c.receive_until("ok\n"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
