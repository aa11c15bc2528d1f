// The broker as a policy, with links that are none.
#include "worker/broker/broker.hpp"

#include "worker/amqp/decoding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pgw::broker {
namespace {

using amqp::outcome_kind;

struct fake_link final : amqp::server_link {
    struct sent_message {
        std::string bytes;
        std::uint64_t token;
        bool presettled;
    };
    struct settled_delivery {
        outcome_kind kind;
        std::string condition;
    };

    fake_link(peer_role r, std::string a) : role_(r), address_(std::move(a)) {}
    peer_role role() const override { return role_; }
    std::string_view name() const override { return "fake"; }
    std::string_view address() const override { return address_; }
    bool dynamic() const override { return dynamic_node; }
    std::string_view capability(std::size_t index) const override {
        return index == 0 ? std::string_view(wanted) : std::string_view();
    }
    void grant(std::uint32_t n) override {
        outstanding += n;
        granted += n;
    }
    void settle(amqp::delivery_id id, const amqp::outcome& o) override {
        settled[id] = {o.kind, std::string(o.condition)};
    }
    void state_only(amqp::delivery_id, const amqp::outcome&) override {}
    std::uint32_t credit() const override { return outstanding; }
    bool send(base::bytes_view message, std::uint64_t token, bool presettled) override {
        if (outstanding == 0) return false;
        --outstanding;
        sent.push_back({std::string(base::as_text(message)), token, presettled});
        return true;
    }
    bool peer_wants_settled() const override { return wants_settled; }
    void drained() override {
        ++drain_answers;
        if (drain) outstanding = 0;
    }
    void detach(std::string_view condition, std::string_view) override {
        detach_condition = condition;
    }
    void drop_connection() override {}
    void close_connection(std::string_view, std::string_view) override {}
    void stall_connection(bool) override {}

    peer_role role_;
    std::string address_;
    std::string wanted;
    bool dynamic_node = false;
    bool wants_settled = false;
    bool drain = false;
    std::uint32_t outstanding = 0;
    std::uint64_t granted = 0;
    int drain_answers = 0;
    std::string detach_condition;
    std::vector<sent_message> sent;
    std::map<amqp::delivery_id, settled_delivery> settled;
};

std::string message_to(std::string_view to, std::string_view body) {
    std::vector<std::byte> buffer(body.size() + to.size() + 64);
    amqp::writer out(buffer);
    if (!to.empty()) {
        out.open_section(amqp::section::properties);
        const auto list = out.open_list();
        out.null();
        out.null();
        out.string(to);
        out.close(list, 3);
    }
    out.open_section(amqp::section::data);
    out.binary(base::as_bytes(body));
    return std::string(base::as_text(base::bytes_view(buffer).first(out.size())));
}

std::string body_of(const std::string& message) {
    amqp::section_reader sections(base::as_bytes(message));
    while (const auto section = sections.next()) {
        if (section->kind == amqp::section::data) {
            return std::string(amqp::value_reader(section->value).read_scalar()->text());
        }
    }
    return "?";
}

std::uint32_t delivery_count_of(const std::string& message) {
    amqp::section_reader sections(base::as_bytes(message));
    const auto first = sections.next();
    if (!first || first->kind != amqp::section::header) return 0;
    return amqp::read_header(first->value)->delivery_count;
}

class broker_test : public testing::Test {
protected:
    using role = amqp::server_link::peer_role;

    // As the server does: every accepted attach ends with on_detach.
    void TearDown() override {
        for (const auto& link : links) {
            if (link->context != nullptr) node.on_detach(*link);
        }
        EXPECT_EQ(metrics.bytes.value() > 0, metrics.messages.value() > 0);
    }

    fake_link& attach(role r, const std::string& address) {
        auto& link = make(r, address);
        EXPECT_TRUE(node.on_attach(link).accepted);
        return link;
    }
    fake_link& make(role r, const std::string& address) {
        return *links.emplace_back(std::make_unique<fake_link>(r, address));
    }
    void publish(fake_link& link, const std::string& message, bool settled = false) {
        if (link.outstanding > 0) --link.outstanding;
        node.on_message(link, next_delivery++, base::as_bytes(message), settled);
    }
    void give_credit(fake_link& link, std::uint32_t credit) {
        link.outstanding += credit;
        node.on_credit(link);
    }
    void answer(fake_link& link, std::size_t index, outcome_kind kind, bool failed = false) {
        amqp::outcome outcome;
        outcome.kind = kind;
        outcome.delivery_failed = failed;
        node.on_settled(link, link.sent.at(index).token, outcome);
    }
    static std::vector<std::string> bodies(const fake_link& link) {
        std::vector<std::string> all;
        for (const auto& sent : link.sent) all.push_back(body_of(sent.bytes));
        return all;
    }

    broker_metrics metrics;
    broker node{{100'000, 4}, metrics};
    std::vector<std::unique_ptr<fake_link>> links;
    amqp::delivery_id next_delivery = 1;
};

using strings = std::vector<std::string>;

TEST_F(broker_test, messages_wait_in_order_for_a_receiver_with_credit) {
    auto& sender = attach(role::sender, "q");
    for (const auto* body : {"a", "b", "c"}) publish(sender, message_to("", body));
    EXPECT_EQ(sender.settled[1].kind, outcome_kind::accepted);
    auto& receiver = attach(role::receiver, "q");
    EXPECT_TRUE(receiver.sent.empty());
    give_credit(receiver, 2);
    EXPECT_EQ(bodies(receiver), (strings{"a", "b"}));
    give_credit(receiver, 5);
    EXPECT_EQ(bodies(receiver), (strings{"a", "b", "c"}));
    EXPECT_EQ(metrics.messages.value(), 3);
    for (std::size_t i : {0, 1, 2}) answer(receiver, i, outcome_kind::accepted);
    EXPECT_EQ(metrics.messages.value(), 0);
    EXPECT_EQ(metrics.bytes.value(), 0);
}

TEST_F(broker_test, the_bytes_of_a_first_delivery_are_untouched) {
    auto& sender = attach(role::sender, "q");
    auto& receiver = attach(role::receiver, "q");
    give_credit(receiver, 1);
    const auto message = message_to("x", "body");
    publish(sender, message);
    ASSERT_EQ(receiver.sent.size(), 1u);
    EXPECT_EQ(receiver.sent[0].bytes, message);
}

struct return_row {
    const char* name;
    outcome_kind kind;
    bool failed;
    bool comes_again;
    std::uint32_t count;
};
class broker_return_test : public broker_test, public testing::WithParamInterface<return_row> {};

TEST_P(broker_return_test, decides_whether_a_message_comes_again_and_its_count) {
    auto& sender = attach(role::sender, "q");
    auto& receiver = attach(role::receiver, "q");
    publish(sender, message_to("", "a"));
    publish(sender, message_to("", "b"));
    give_credit(receiver, 1);
    answer(receiver, 0, GetParam().kind, GetParam().failed);
    give_credit(receiver, 2);
    if (GetParam().comes_again) {
        EXPECT_EQ(bodies(receiver), (strings{"a", "a", "b"}));
        EXPECT_EQ(delivery_count_of(receiver.sent[1].bytes), GetParam().count);
    } else {
        EXPECT_EQ(bodies(receiver), (strings{"a", "b"}));
    }
}

INSTANTIATE_TEST_SUITE_P(
    every,
    broker_return_test,
    testing::Values(
        return_row{"accepted", outcome_kind::accepted, false, false, 0},
        return_row{"rejected", outcome_kind::rejected, false, false, 0},
        return_row{"released", outcome_kind::released, false, true, 0},
        return_row{"modified", outcome_kind::modified, false, true, 0},
        return_row{"modified_failed", outcome_kind::modified, true, true, 1},
        return_row{"settled_without_state", outcome_kind::none, false, true, 1}
    ),
    [](const auto& row) { return std::string(row.param.name); }
);

TEST_F(broker_test, a_lost_receiver_gives_everything_back_in_its_place) {
    auto& sender = attach(role::sender, "q");
    auto& first = attach(role::receiver, "q");
    for (const auto* body : {"a", "b", "c", "d"}) publish(sender, message_to("", body));
    give_credit(first, 3);
    answer(first, 1, outcome_kind::accepted);
    node.on_detach(first);
    auto& second = attach(role::receiver, "q");
    give_credit(second, 10);
    EXPECT_EQ(bodies(second), (strings{"a", "c", "d"}));
    EXPECT_EQ(delivery_count_of(second.sent[0].bytes), 1u);
    EXPECT_EQ(delivery_count_of(second.sent[2].bytes), 0u);
    EXPECT_EQ(metrics.redeliveries.value(), 2u);
    // What the lost receiver still says is too late to matter.
    EXPECT_EQ(metrics.messages.value(), 3);
}

TEST_F(broker_test, competing_receivers_take_turns) {
    auto& sender = attach(role::sender, "q");
    auto& one = attach(role::receiver, "q");
    auto& two = attach(role::receiver, "q");
    give_credit(one, 10);
    give_credit(two, 10);
    for (const auto* body : {"a", "b", "c", "d"}) publish(sender, message_to("", body));
    EXPECT_EQ(one.sent.size(), 2u);
    EXPECT_EQ(two.sent.size(), 2u);
}

TEST_F(broker_test, a_presettled_receiver_has_nothing_to_settle) {
    auto& sender = attach(role::sender, "q");
    auto& receiver = make(role::receiver, "q");
    receiver.wants_settled = true;
    ASSERT_TRUE(node.on_attach(receiver).accepted);
    give_credit(receiver, 1);
    publish(sender, message_to("", "a"));
    ASSERT_EQ(receiver.sent.size(), 1u);
    EXPECT_TRUE(receiver.sent[0].presettled);
    EXPECT_EQ(metrics.messages.value(), 0);
}

TEST_F(broker_test, a_drain_is_answered_after_what_there_is) {
    auto& sender = attach(role::sender, "q");
    auto& receiver = attach(role::receiver, "q");
    publish(sender, message_to("", "a"));
    receiver.drain = true;
    give_credit(receiver, 10);
    EXPECT_EQ(bodies(receiver), strings{"a"});
    EXPECT_EQ(receiver.drain_answers, 1);
    EXPECT_EQ(receiver.outstanding, 0u);
}

TEST_F(broker_test, credit_never_promises_more_than_there_is_room_for) {
    auto& sender = attach(role::sender, "q");
    const auto message = message_to("", std::string(900, 'x'));
    int sent = 0;
    while (sender.outstanding > 0 && sent < 1000) {
        publish(sender, message);
        ++sent;
    }
    EXPECT_GT(sent, 50);
    EXPECT_LT(sent, 110);
    EXPECT_LE(metrics.bytes.value(), 100'000);
    EXPECT_EQ(metrics.refused.value(), 0u);
    // Credit comes again when a receiver has made room.
    auto& receiver = attach(role::receiver, "q");
    give_credit(receiver, 1000);
    EXPECT_EQ(sender.outstanding, 0u);
    for (std::size_t i = 0; i < receiver.sent.size(); ++i) {
        answer(receiver, i, outcome_kind::accepted);
    }
    EXPECT_GT(sender.outstanding, 0u);
}

TEST_F(broker_test, what_comes_beyond_the_bound_is_rejected) {
    auto& sender = attach(role::sender, "q");
    const auto message = message_to("", std::string(60'000, 'x'));
    publish(sender, message);
    publish(sender, message);
    EXPECT_EQ(sender.settled[1].kind, outcome_kind::accepted);
    EXPECT_EQ(sender.settled[2].kind, outcome_kind::rejected);
    EXPECT_EQ(sender.settled[2].condition, "amqp:resource-limit-exceeded");
    EXPECT_EQ(metrics.refused.value(), 1u);
}

TEST_F(broker_test, the_anonymous_terminus_routes_by_to) {
    auto& sender = attach(role::sender, "");
    EXPECT_EQ(sender.outstanding, 1000u);
    publish(sender, message_to("one", "a"));
    publish(sender, message_to("", "nowhere"));
    publish(sender, "\x01garbage");
    EXPECT_EQ(sender.settled[1].kind, outcome_kind::accepted);
    EXPECT_EQ(sender.settled[2].condition, "amqp:invalid-field");
    EXPECT_EQ(sender.settled[3].condition, "amqp:decode-error");
    for (const auto* address : {"two", "three", "four"}) {
        publish(sender, message_to(address, "x"));
    }
    publish(sender, message_to("five", "x"));
    EXPECT_EQ(sender.settled[7].condition, "amqp:resource-limit-exceeded");
    auto& receiver = attach(role::receiver, "one");
    give_credit(receiver, 5);
    EXPECT_EQ(bodies(receiver), strings{"a"});
}

TEST_F(broker_test, a_topic_copies_to_all_and_keeps_nothing) {
    auto& sender = attach(role::sender, "topic://t");
    publish(sender, message_to("", "early"));
    EXPECT_EQ(sender.settled[1].kind, outcome_kind::accepted);
    auto& one = attach(role::receiver, "topic://t");
    auto& two = attach(role::receiver, "topic://t");
    give_credit(one, 10);
    publish(sender, message_to("", "a"));
    give_credit(two, 10);
    EXPECT_EQ(bodies(one), strings{"a"});
    EXPECT_EQ(bodies(two), strings{"a"});
    node.on_detach(one);
    node.on_detach(two);
    EXPECT_EQ(metrics.messages.value(), 0);
    EXPECT_EQ(metrics.queues.value(), 1);
    node.on_detach(sender);
    EXPECT_EQ(metrics.queues.value(), 0);
}

TEST_F(broker_test, the_capability_topic_makes_a_topic) {
    auto& receiver = make(role::receiver, "news");
    receiver.wanted = "topic";
    ASSERT_TRUE(node.on_attach(receiver).accepted);
    auto& other = attach(role::receiver, "news");
    auto& sender = attach(role::sender, "news");
    give_credit(receiver, 1);
    give_credit(other, 1);
    publish(sender, message_to("", "a"));
    EXPECT_EQ(receiver.sent.size() + other.sent.size(), 2u);
}

TEST_F(broker_test, a_dynamic_node_lives_as_long_as_its_link) {
    auto& receiver = make(role::receiver, "");
    receiver.dynamic_node = true;
    const auto verdict = node.on_attach(receiver);
    ASSERT_TRUE(verdict.accepted);
    ASSERT_FALSE(verdict.dynamic_address.empty());
    auto& sender = attach(role::sender, verdict.dynamic_address);
    give_credit(receiver, 1);
    publish(sender, message_to("", "reply"));
    EXPECT_EQ(bodies(receiver), strings{"reply"});
    node.on_detach(receiver);
    EXPECT_EQ(sender.detach_condition, "amqp:resource-deleted");
    EXPECT_EQ(metrics.queues.value(), 0);
    publish(sender, message_to("", "late"));
    EXPECT_EQ(sender.settled[2].condition, "amqp:resource-deleted");
    node.on_detach(sender);
}

TEST_F(broker_test, attaches_beyond_the_bound_and_without_address_are_refused) {
    for (const auto* address : {"1", "2", "3", "4"}) attach(role::sender, address);
    auto& fifth = make(role::sender, "5");
    const auto verdict = node.on_attach(fifth);
    EXPECT_FALSE(verdict.accepted);
    EXPECT_EQ(verdict.condition, "amqp:resource-limit-exceeded");
    EXPECT_FALSE(node.on_attach(make(role::receiver, "")).accepted);
    EXPECT_FALSE(node.on_attach(make(role::receiver, std::string(5000, 'x'))).accepted);
}

TEST_F(broker_test, an_empty_queue_without_links_makes_room_for_another) {
    auto& sender = attach(role::sender, "");
    for (const auto* address : {"1", "2", "3", "4"}) publish(sender, message_to(address, "x"));
    publish(sender, message_to("5", "x"));
    EXPECT_EQ(sender.settled[5].condition, "amqp:resource-limit-exceeded");
    auto& receiver = attach(role::receiver, "1");
    give_credit(receiver, 1);
    answer(receiver, 0, outcome_kind::accepted);
    EXPECT_EQ(metrics.queues.value(), 4) << "a link is attached";
    node.on_detach(receiver);
    EXPECT_EQ(metrics.queues.value(), 3);
    publish(sender, message_to("5", "x"));
    EXPECT_EQ(sender.settled[6].kind, outcome_kind::accepted);
    // What is unsettled comes back when its receiver goes: such a queue stays.
    auto& second = attach(role::receiver, "2");
    give_credit(second, 1);
    node.on_detach(second);
    EXPECT_EQ(metrics.queues.value(), 4);
}

TEST(broker_budget, all_queues_together_hold_no_more_than_the_budget) {
    base::byte_budget budget(100'000);
    {
        broker_metrics metrics;
        broker node({100'000, 100, &budget}, metrics);
        fake_link sender(amqp::server_link::peer_role::sender, "");
        ASSERT_TRUE(node.on_attach(sender).accepted);
        amqp::delivery_id next = 1;
        for (int i = 0; i < 20; ++i) {
            const auto message = message_to("q" + std::to_string(i), std::string(10'000, 'x'));
            node.on_message(sender, next++, base::as_bytes(message), false);
        }
        std::size_t taken = 0;
        for (const auto& [id, outcome] : sender.settled) {
            if (outcome.kind == outcome_kind::accepted) {
                ++taken;
            } else {
                EXPECT_EQ(outcome.condition, "amqp:resource-limit-exceeded");
            }
        }
        EXPECT_EQ(taken, 9u);
        EXPECT_EQ(budget.used(), static_cast<std::size_t>(metrics.bytes.value()));
        // Room that is given back is there for another queue.
        fake_link receiver(amqp::server_link::peer_role::receiver, "q3");
        receiver.wants_settled = true;
        ASSERT_TRUE(node.on_attach(receiver).accepted);
        receiver.outstanding = 1;
        node.on_credit(receiver);
        node.on_message(
            sender, next, base::as_bytes(message_to("z", std::string(9'000, 'x'))), false
        );
        EXPECT_EQ(sender.settled[next].kind, outcome_kind::accepted);
        node.on_detach(receiver);
        node.on_detach(sender);
    }
    EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace pgw::broker
