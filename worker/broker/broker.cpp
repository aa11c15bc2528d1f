// Which node an address names, and what its links may do.
#include "worker/broker/broker.hpp"

#include "worker/amqp/decoding.hpp"
#include "worker/broker/queue.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace pgw::broker {

namespace {

constexpr std::size_t longest_address = 1024;
constexpr std::string_view topic_prefix = "topic://";

/// A receiver on a topic has a queue of its own.
struct topic {
    std::vector<std::unique_ptr<queue>> subscriptions;
    std::vector<producer*> producers;
};

struct node {
    std::string address;
    std::variant<std::unique_ptr<queue>, topic> kind;

    queue* as_queue() noexcept {
        auto* found = std::get_if<std::unique_ptr<queue>>(&kind);
        return found != nullptr ? found->get() : nullptr;
    }
    topic* as_topic() noexcept { return std::get_if<topic>(&kind); }
};

/// What a link is to the broker; its `context`.
struct attachment {
    node* at = nullptr;  ///< Null: the anonymous terminus, or the node was deleted.
    std::variant<producer, consumer> side;
    bool owns_node = false;  ///< A dynamic node goes with the link that asked for it.
};

attachment& attachment_of(amqp::server_link& link) {
    return *static_cast<attachment*>(link.context);
}

bool wants_topic(const amqp::server_link& link) {
    for (std::size_t i = 0; !link.capability(i).empty(); ++i) {
        if (link.capability(i) == "topic") return true;
    }
    return link.address().starts_with(topic_prefix);
}

amqp::outcome rejected(std::string_view condition, std::string_view description) {
    amqp::outcome outcome;
    outcome.kind = amqp::outcome_kind::rejected;
    outcome.condition = condition;
    outcome.description = description;
    return outcome;
}

constexpr std::string_view full = "amqp:resource-limit-exceeded";

}  // namespace

struct broker::impl {
    impl(broker_limits bounds, broker_metrics& counters) : limits(bounds), metrics(counters) {}

    broker_limits limits;
    broker_metrics& metrics;
    std::map<std::string, std::unique_ptr<node>, std::less<>> nodes;
    std::uint64_t next_dynamic = 1;

    /// Null when there are as many nodes as may be.
    node* find_or_make(std::string_view address, bool as_topic) {
        if (const auto found = nodes.find(address); found != nodes.end()) {
            return found->second.get();
        }
        if (nodes.size() >= limits.max_queues) return nullptr;
        auto made = std::make_unique<node>();
        made->address = address;
        if (as_topic) {
            made->kind = topic();
        } else {
            made->kind = make_queue();
        }
        auto* result = made.get();
        nodes.emplace(std::string(address), std::move(made));
        metrics.queues.set(static_cast<std::int64_t>(nodes.size()));
        return result;
    }

    std::unique_ptr<queue> make_queue() {
        return std::make_unique<queue>(limits.max_queue_bytes, metrics, limits.budget);
    }

    void erase(const node& gone) {
        nodes.erase(nodes.find(gone.address));
        metrics.queues.set(static_cast<std::int64_t>(nodes.size()));
    }

    void attach_producer(attachment& entry) {
        auto& side = std::get<producer>(entry.side);
        if (auto* target = entry.at != nullptr ? entry.at->as_queue() : nullptr) {
            return target->add(side);
        }
        if (entry.at != nullptr) entry.at->as_topic()->producers.push_back(&side);
        side.credit = credit_window;
        side.link->grant(credit_window);
    }

    void attach_consumer(attachment& entry) {
        auto& side = std::get<consumer>(entry.side);
        if (auto* source = entry.at->as_queue()) return source->add(side);
        auto own = make_queue();
        own->add(side);
        entry.at->as_topic()->subscriptions.push_back(std::move(own));
    }

    void detach_producer(attachment& entry) {
        auto& side = std::get<producer>(entry.side);
        if (side.target != nullptr) return side.target->remove(side);
        if (entry.at != nullptr) std::erase(entry.at->as_topic()->producers, &side);
    }

    void detach_consumer(attachment& entry) {
        auto& side = std::get<consumer>(entry.side);
        auto* source = std::exchange(side.source, nullptr);
        if (source == nullptr) return;
        if (entry.at->as_topic() == nullptr) return source->remove(side);
        std::erase_if(entry.at->as_topic()->subscriptions, [&](const auto& subscription) {
            return subscription.get() == source;
        });
    }

    /// Everyone still attached to a node that goes is told.
    void delete_node(node& gone) {
        std::vector<amqp::server_link*> links;
        if (auto* q = gone.as_queue()) {
            for (auto* side : q->consumers()) links.push_back(side->link);
            for (auto* side : q->producers()) links.push_back(side->link);
        } else {
            for (const auto& subscription : gone.as_topic()->subscriptions) {
                for (auto* side : subscription->consumers()) links.push_back(side->link);
            }
            for (auto* side : gone.as_topic()->producers) links.push_back(side->link);
        }
        for (auto* link : links) {
            attachment_of(*link).at = nullptr;
            link->detach("amqp:resource-deleted", "the dynamic node is gone");
        }
        erase(gone);
    }

    /// What holds nothing need not stay without links: a device that may choose the address would
    /// use up all nodes.
    void collect(node& unused) {
        if (const auto* q = unused.as_queue()) {
            if (q->bytes() == 0 && q->consumers().empty() && q->producers().empty()) erase(unused);
            return;
        }
        const auto* t = unused.as_topic();
        if (t->subscriptions.empty() && t->producers.empty()) erase(unused);
    }

    amqp::outcome deliver(node& to, base::bytes_view message) {
        amqp::outcome outcome;
        outcome.kind = amqp::outcome_kind::accepted;
        if (auto* q = to.as_queue()) {
            if (q->push(store(message))) return outcome;
            metrics.refused.add();
            return rejected(full, "the queue is full");
        }
        auto& subscriptions = to.as_topic()->subscriptions;
        if (subscriptions.empty()) return outcome;
        const auto copy = store(message);
        for (auto& subscription : subscriptions) {
            // A receiver that does not keep up loses messages, alone.
            if (!subscription->push(copy)) metrics.refused.add();
        }
        return outcome;
    }

    amqp::outcome route(base::bytes_view message) {
        amqp::section_reader sections(message);
        std::optional<std::string_view> to = std::string_view();
        while (const auto section = sections.next()) {
            if (section->kind < amqp::section::properties) continue;
            if (section->kind == amqp::section::properties) to = amqp::read_to(section->value);
            break;
        }
        if (!to || sections.malformed()) return rejected("amqp:decode-error", "malformed message");
        if (to->empty() || to->size() > longest_address) {
            return rejected("amqp:invalid-field", "no usable address in `to`");
        }
        auto* target = find_or_make(*to, to->starts_with(topic_prefix));
        if (target == nullptr) {
            metrics.refused.add();
            return rejected(full, "no more nodes");
        }
        const auto outcome = deliver(*target, message);
        collect(*target);
        return outcome;
    }

    void spend(attachment& entry) {
        auto& side = std::get<producer>(entry.side);
        if (side.target != nullptr) return side.target->spend(side);
        if (side.credit > 0) --side.credit;
        if (side.credit * 2 > credit_window) return;
        side.link->grant(credit_window - side.credit);
        side.credit = credit_window;
    }
};

broker::broker(broker_limits limits, broker_metrics& metrics)
    : impl_(std::make_unique<impl>(limits, metrics)) {}

broker::~broker() = default;

bool broker::authenticate(std::string_view, std::string_view) {
    return true;
}

amqp::attach_verdict broker::on_attach(amqp::server_link& link) {
    const bool sends = link.role() == amqp::server_link::peer_role::sender;
    amqp::attach_verdict verdict;
    std::string address(link.address());
    if (link.dynamic()) {
        address = "dynamic-" + std::to_string(impl_->next_dynamic++);
        verdict.dynamic_address = address;
    }
    if (address.size() > longest_address || (address.empty() && !sends)) {
        return {false, "amqp:invalid-field", "no usable address", {}};
    }
    auto entry = std::make_unique<attachment>();
    entry->owns_node = link.dynamic();
    if (!address.empty()) {
        entry->at = impl_->find_or_make(address, wants_topic(link));
        if (entry->at == nullptr) return {false, std::string(full), "no more nodes", {}};
    }
    auto& attached = *entry;
    link.context = entry.release();  // on_detach takes it back
    if (sends) {
        attached.side = producer{&link, nullptr, 0};
        impl_->attach_producer(attached);
    } else {
        auto& side = attached.side.emplace<consumer>();
        side.link = &link;
        impl_->attach_consumer(attached);
    }
    return verdict;
}

void broker::on_detach(amqp::server_link& link) {
    const std::unique_ptr<attachment> entry(&attachment_of(link));
    link.context = nullptr;
    if (link.role() == amqp::server_link::peer_role::sender) {
        impl_->detach_producer(*entry);
    } else {
        impl_->detach_consumer(*entry);
    }
    if (entry->at == nullptr) return;
    if (entry->owns_node) {
        impl_->delete_node(*entry->at);
    } else {
        impl_->collect(*entry->at);
    }
}

void broker::on_message(
    amqp::server_link& link, amqp::delivery_id delivery, base::bytes_view message, bool settled
) {
    auto& entry = attachment_of(link);
    impl_->metrics.messages_in.add();
    amqp::outcome outcome;
    if (entry.at != nullptr) {
        outcome = impl_->deliver(*entry.at, message);
    } else if (link.address().empty()) {
        outcome = impl_->route(message);
    } else {
        outcome = rejected("amqp:resource-deleted", "the node is gone");
    }
    if (!settled) link.settle(delivery, outcome);
    impl_->spend(entry);
}

void broker::on_credit(amqp::server_link& link) {
    auto& side = std::get<consumer>(attachment_of(link).side);
    if (side.source == nullptr) return;
    side.source->dispatch();
    if (side.source->waiting() == 0) link.drained();
}

void broker::on_settled(
    amqp::server_link& link, std::uint64_t token, const amqp::outcome& outcome
) {
    auto& side = std::get<consumer>(attachment_of(link).side);
    if (side.source != nullptr) side.source->settle(side, token, outcome);
}

}  // namespace pgw::broker
