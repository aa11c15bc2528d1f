// The embedded broker through a socket, with clients that are not ours: Proton's C++ containers and
// the pgw-amqp program.
#include "tests/integration/amqp/broker_host.hpp"

#include <gtest/gtest.h>
#include <proton/binary.hpp>
#include <proton/connection.hpp>
#include <proton/container.hpp>
#include <proton/delivery.hpp>
#include <proton/error_condition.hpp>
#include <proton/message.hpp>
#include <proton/messaging_handler.hpp>
#include <proton/receiver.hpp>
#include <proton/receiver_options.hpp>
#include <proton/source.hpp>
#include <proton/source_options.hpp>
#include <proton/transport.hpp>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

namespace pgw::test {
namespace {

struct tool_run {
    int code = -1;
    std::vector<std::string> lines;
};

tool_run run_command(const std::string& command) {
    tool_run run;
    auto* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return run;
    std::string text;
    std::array<char, 4096> buffer;
    while (const auto n = fread(buffer.data(), 1, buffer.size(), pipe)) {
        text.append(buffer.data(), n);
    }
    run.code = WEXITSTATUS(pclose(pipe));
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) run.lines.push_back(line);
    return run;
}

tool_run run_tool(const std::string& arguments) {
    return run_command(PGW_AMQP_TOOL " " + arguments + " 2>&1");
}

std::string text_of(const proton::message& message) {
    const auto bytes = proton::get<proton::binary>(message.body());
    return {bytes.begin(), bytes.end()};
}

/// Any number of receivers on one connection, each on its address.
class many_receivers final : public proton::messaging_handler {
public:
    many_receivers(std::string url, std::vector<std::string> addresses, std::size_t expected)
        : url_(std::move(url)), addresses_(std::move(addresses)), expected_(expected) {}
    void on_container_start(proton::container& container) override { container.connect(url_); }
    void on_connection_open(proton::connection& connection) override {
        for (const auto& address : addresses_) connection.open_receiver(address);
    }
    void on_receiver_open(proton::receiver&) override {
        if (++open_ == addresses_.size()) opened.set_value();
    }
    void on_message(proton::delivery& delivery, proton::message& message) override {
        ++per_link[delivery.receiver().name()];
        bodies.push_back(text_of(message));
        if (bodies.size() == expected_) delivery.connection().close();
    }
    void run() { proton::container(*this).run(); }

    std::promise<void> opened;
    std::map<std::string, std::size_t> per_link;
    std::vector<std::string> bodies;

private:
    std::string url_;
    std::vector<std::string> addresses_;
    std::size_t expected_;
    std::size_t open_ = 0;
};

TEST(broker_socket_test, what_is_sent_is_received_with_every_section) {
    broker_host host;
    const auto sent = run_tool(
        "send " + host.url("q") +
        " --body 'hello {n}' --count 2 --subject s --to elsewhere --durable"
        " --property b=2 --property a=1"
    );
    ASSERT_EQ(sent.code, 0) << testing::PrintToString(sent.lines);
    const auto run = run_tool("receive " + host.url("q") + " --count 2 --timeout 10 --json");
    ASSERT_EQ(run.code, 0) << testing::PrintToString(run.lines);
    ASSERT_EQ(run.lines.size(), 2u);
    EXPECT_EQ(
        run.lines[1],
        R"({"header":{"durable":true,"priority":4,"first_acquirer":false,"delivery_count":0},)"
        R"("delivery_annotations":{},"message_annotations":{},)"
        R"("properties":{"to":"elsewhere","subject":"s"},)"
        R"("application_properties":{"a":"1","b":"2"},)"
        R"("body_section":"data","body_encoding":"text","body":"hello 1"})"
    );
}

TEST(broker_socket_test, a_timeout_says_what_came) {
    broker_host host;
    ASSERT_EQ(run_tool("send " + host.url("q") + " --body x").code, 0);
    const auto run = run_tool("receive " + host.url("q") + " --count 3 --timeout 0.5");
    EXPECT_EQ(run.code, 1);
    ASSERT_EQ(run.lines.size(), 2u);
    EXPECT_EQ(run.lines[0], "body=\"x\"");
    EXPECT_EQ(run.lines[1], "pgw-amqp: timed out: received 1 of 3");
}

TEST(broker_socket_test, the_tool_is_clear_about_usage_and_connections) {
    EXPECT_EQ(run_tool("").code, 2);
    EXPECT_EQ(run_tool("receive http://x/y").code, 2);
    EXPECT_EQ(run_tool("receive amqp://127.0.0.1:1/q --count x").code, 2);
    const auto refused = run_tool("receive amqp://127.0.0.1:1/q --timeout 5");
    EXPECT_EQ(refused.code, 3);
    ASSERT_EQ(refused.lines.size(), 1u);
    EXPECT_TRUE(refused.lines[0].starts_with("pgw-amqp: connection failed: ")) << refused.lines[0];
}

TEST(broker_socket_test, the_anonymous_terminus_routes_by_to) {
    broker_host host;
    const auto url = "amqp://127.0.0.1:" + std::to_string(host.port());
    ASSERT_EQ(run_tool("send " + url + " --to one --body a --timeout 10").code, 0);
    const auto run = run_tool("receive " + host.url("one") + " --count 1 --timeout 10");
    EXPECT_EQ(run.code, 0);
    EXPECT_EQ(run.lines, std::vector<std::string>{"body=\"a\""});
}

TEST(broker_socket_test, released_messages_come_again_in_their_order) {
    broker_host host;
    ASSERT_EQ(run_tool("send " + host.url("q") + " --body 'm{n}' --count 5").code, 0);
    ASSERT_EQ(
        run_tool("receive " + host.url("q") + " --count 3 --settle release --timeout 10").code, 0
    );
    const auto run = run_tool("receive " + host.url("q") + " --count 5 --timeout 10");
    ASSERT_EQ(run.code, 0);
    EXPECT_EQ(
        run.lines,
        (std::vector<std::string>{
            "body=\"m0\"", "body=\"m1\"", "body=\"m2\"", "body=\"m3\"", "body=\"m4\""
        })
    );
}

TEST(broker_socket_test, a_receiver_that_vanishes_gives_its_messages_back_with_a_count) {
    broker_host host;
    ASSERT_EQ(run_tool("send " + host.url("q") + " --body 'm{n}' --count 10").code, 0);
    const auto held = run_command(PGW_HOLDING_RECEIVER " " + host.url("q") + " 4");
    ASSERT_EQ(held.lines, (std::vector<std::string>{"m0", "m1", "m2", "m3"}));
    const auto run = run_tool("receive " + host.url("q") + " --count 10 --timeout 10 --json");
    ASSERT_EQ(run.code, 0) << testing::PrintToString(run.lines);
    ASSERT_EQ(run.lines.size(), 10u);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_NE(run.lines[i].find("\"body\":\"m" + std::to_string(i) + "\""), std::string::npos);
        const auto count = std::string("\"delivery_count\":") + (i < 4 ? "1" : "0");
        EXPECT_NE(run.lines[i].find(count), std::string::npos) << run.lines[i];
    }
    EXPECT_EQ(host.metrics().redeliveries.value(), 4u);
    EXPECT_EQ(host.metrics().messages.value(), 0);
}

TEST(broker_socket_test, competing_receivers_share_and_none_is_given_twice) {
    broker_host host;
    constexpr std::size_t count = 1000;
    many_receivers receivers(
        "amqp://127.0.0.1:" + std::to_string(host.port()), std::vector<std::string>(8, "q"), count
    );
    std::thread thread([&] { receivers.run(); });
    receivers.opened.get_future().wait();
    const auto sent = run_tool("send " + host.url("q") + " --body 'm{n}' --count 1000");
    thread.join();
    ASSERT_EQ(sent.code, 0);
    ASSERT_EQ(receivers.bodies.size(), count);
    std::ranges::sort(receivers.bodies);
    EXPECT_EQ(std::ranges::adjacent_find(receivers.bodies), receivers.bodies.end());
    ASSERT_EQ(receivers.per_link.size(), 8u);
    for (const auto& [name, taken] : receivers.per_link) EXPECT_GT(taken, 50u) << name;
}

TEST(broker_socket_test, every_receiver_of_a_topic_gets_a_copy) {
    broker_host host;
    many_receivers receivers(
        "amqp://127.0.0.1:" + std::to_string(host.port()),
        {"topic://news", "topic://news", "topic://other"},
        6
    );
    std::thread thread([&] { receivers.run(); });
    receivers.opened.get_future().wait();
    const auto sent = run_tool("send " + host.url("topic://news") + " --body 'm{n}' --count 3");
    thread.join();
    EXPECT_EQ(sent.code, 0);
    EXPECT_EQ(receivers.bodies, (std::vector<std::string>{"m0", "m0", "m1", "m1", "m2", "m2"}));
    // Without a receiver messages are accepted and dropped.
    EXPECT_EQ(run_tool("send " + host.url("topic://news") + " --body x --timeout 10").code, 0);
    EXPECT_EQ(host.metrics().messages.value(), 0);
}

TEST(broker_socket_test, a_full_queue_gives_no_credit_until_it_drains) {
    broker::broker_limits limits;
    limits.max_queue_bytes = 100'000;
    broker_host host(limits);
    const std::string body(1000, 'x');
    const auto send = "send " + host.url("q") + " --count 300 --body " + body;
    const auto stuck = run_tool(send + " --timeout 1");
    EXPECT_EQ(stuck.code, 1);
    EXPECT_LE(host.metrics().bytes.value(), 100'000);
    EXPECT_GT(host.metrics().messages.value(), 40);
    std::thread receiver([&] {
        EXPECT_EQ(run_tool("receive " + host.url("q") + " --count 300 --timeout 20").code, 0);
    });
    EXPECT_EQ(run_tool(send + " --timeout 20").code, 0);
    receiver.join();
}

}  // namespace
}  // namespace pgw::test
