// An amqp::uplink without a network: senders with credit set by hand, sends recorded, outcomes
// given by the test.
#pragma once

#include "worker/amqp/link.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pgw::test {

struct sent_message {
    std::uint64_t token = 0;
    std::string bytes;
};

class fake_sender final : public amqp::sender {
public:
    fake_sender(const amqp::sender_options& o, amqp::sender_events& e) : options(o), events(e) {}

    amqp::send_status try_send(base::bytes_view message, std::uint64_t token) override {
        if (!attached) return amqp::send_status::closed;
        if (message.size() > max_message_size) return amqp::send_status::too_large;
        if (credit == 0) return amqp::send_status::no_credit;
        --credit;
        sent.push_back({token, std::string(base::as_text(message))});
        return amqp::send_status::sent;
    }
    void abandon(std::uint64_t token) override { abandoned.push_back(token); }
    amqp::sender_state state() const override {
        if (!attached) return amqp::sender_state::attaching;
        return credit > 0 ? amqp::sender_state::ready : amqp::sender_state::starved;
    }
    std::string last_error() const override { return {}; }

    void grant(std::uint32_t n) {
        credit += n;
        events.on_sendable();
    }
    void accept(std::uint64_t token) {
        amqp::outcome o;
        o.kind = amqp::outcome_kind::accepted;
        events.on_outcome(token, o);
    }
    void answer(std::uint64_t token, amqp::outcome_kind kind, std::string_view condition = {}) {
        amqp::outcome o;
        o.kind = kind;
        o.condition = condition;
        events.on_outcome(token, o);
    }
    /// A loss that says nothing of any message.
    void lose() {
        attached = false;
        events.on_lost({"amqp:connection:forced", "lost", false, true, 0});
    }
    /// The peer ended it with an error; `suspects` deliveries had no outcome.
    void end(std::string_view condition, std::uint64_t suspects, bool shared = false) {
        attached = false;
        events.on_lost({condition, "ended", true, shared, suspects});
    }
    void attach(std::uint32_t n) {
        attached = true;
        credit = n;
        events.on_sendable();
    }

    amqp::sender_options options;
    amqp::sender_events& events;
    bool attached = true;
    std::uint32_t credit = 0;
    std::size_t max_message_size = 1 << 20;
    std::vector<sent_message> sent;
    std::vector<std::uint64_t> abandoned;
};

class fake_uplink final : public amqp::uplink {
public:
    std::unique_ptr<amqp::sender> open_sender(
        const amqp::sender_options& options, amqp::sender_events& events
    ) override {
        auto made = std::make_unique<fake_sender>(options, events);
        made->credit = initial_credit;
        senders.push_back(made.get());
        return made;
    }
    amqp::uplink_state state() const override { return amqp::uplink_state::connected; }
    std::string last_error() const override { return {}; }
    void want() override { ++wanted; }
    void close() override {}

    /// The sender of an address and settle mode; null if none was opened.
    fake_sender* find(std::string_view address, bool presettled) const {
        for (auto* s : senders) {
            if (s->options.address == address && s->options.presettled == presettled) return s;
        }
        return nullptr;
    }

    std::uint32_t initial_credit = 1000;
    int wanted = 0;
    std::vector<fake_sender*> senders;
};

}  // namespace pgw::test
