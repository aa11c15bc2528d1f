#include "worker/broker/queue.hpp"

#include <algorithm>
#include <utility>

namespace pgw::broker {

queue::queue(std::uint64_t max_bytes, broker_metrics& metrics, base::byte_budget* budget)
    : max_bytes_(max_bytes), metrics_(metrics), budget_(budget) {}

queue::~queue() {
    for (auto* consumer : consumers_) {
        for (const auto& message : consumer->unsettled.take_all()) drop(message);
        consumer->source = nullptr;
    }
    for (auto* producer : producers_) producer->target = nullptr;
    for (const auto& message : ready_) drop(message);
}

bool queue::push(stored_message message) {
    const auto cost = message.cost();
    if (bytes_ + cost > max_bytes_) return false;
    if (budget_ != nullptr && !budget_->charge(cost)) return false;
    usual_cost_ = std::max<std::uint64_t>(cost, usual_cost_ - usual_cost_ / 16);
    message.sequence = next_sequence_++;
    bytes_ += cost;
    metrics_.messages.add(1);
    metrics_.bytes.add(static_cast<std::int64_t>(cost));
    ready_.push_back(std::move(message));
    dispatch();
    return true;
}

void queue::add(consumer& consumer) {
    consumer.source = this;
    consumers_.push_back(&consumer);
}

void queue::remove(consumer& consumer) {
    std::erase(consumers_, &consumer);
    turn_ = 0;
    // Newest first: each goes in front of the one before it.
    for (auto& message : consumer.unsettled.take_all()) {
        ++message.failed_attempts;
        put_back(std::move(message));
    }
    consumer.source = nullptr;
    dispatch();
}

void queue::add(producer& producer) {
    producer.target = this;
    producers_.push_back(&producer);
    top_up(producer);
}

void queue::remove(producer& producer) {
    std::erase(producers_, &producer);
    producer.target = nullptr;
}

void queue::spend(producer& producer) {
    if (producer.credit > 0) --producer.credit;
    top_up(producer);
}

void queue::dispatch() {
    std::size_t unwilling = 0;
    while (!ready_.empty() && unwilling < consumers_.size()) {
        if (turn_ >= consumers_.size()) turn_ = 0;
        auto& consumer = *consumers_[turn_++];
        if (offer(consumer, ready_.front())) {
            ready_.pop_front();
            unwilling = 0;
        } else {
            ++unwilling;
        }
    }
    if (starved_ && bytes_ <= max_bytes_ / 4 * 3) top_up_all();
}

bool queue::offer(consumer& consumer, stored_message& message) {
    auto& link = *consumer.link;
    if (link.credit() == 0) return false;
    const bool again = message.failed_attempts > 0;
    const auto view = again ? with_delivery_count(message, scratch_) : message.view();
    if (link.peer_wants_settled()) {
        if (!link.send(view, 0, true)) return false;
        drop(message);
    } else {
        // The token is needed before it is known whether the link takes the message.
        const auto token = consumer.unsettled.put(std::move(message));
        if (!link.send(view, token, false)) {
            consumer.unsettled.take(token, message);
            return false;
        }
    }
    metrics_.messages_out.add();
    if (again) metrics_.redeliveries.add();
    return true;
}

void queue::settle(consumer& consumer, std::uint64_t token, const amqp::outcome& outcome) {
    stored_message message;
    if (!consumer.unsettled.take(token, message)) return;
    switch (outcome.kind) {
        case amqp::outcome_kind::accepted:
        case amqp::outcome_kind::rejected:
            drop(message);
            break;
        case amqp::outcome_kind::released:
            put_back(std::move(message));
            break;
        case amqp::outcome_kind::modified:
            // There is no other place it could be delivered at. [3.4.5]
            if (outcome.undeliverable_here) {
                drop(message);
                break;
            }
            if (outcome.delivery_failed) ++message.failed_attempts;
            put_back(std::move(message));
            break;
        case amqp::outcome_kind::none:
        case amqp::outcome_kind::unknown:
            ++message.failed_attempts;
            put_back(std::move(message));
            break;
    }
    dispatch();
}

void queue::put_back(stored_message message) {
    const auto place = std::ranges::lower_bound(
        ready_, message.sequence, std::ranges::less{}, &stored_message::sequence
    );
    ready_.insert(place, std::move(message));
}

void queue::drop(const stored_message& message) {
    const auto cost = message.cost();
    bytes_ -= cost;
    if (budget_ != nullptr) budget_->release(cost);
    metrics_.messages.add(-1);
    metrics_.bytes.add(-static_cast<std::int64_t>(cost));
}

std::uint32_t queue::credit_target() const noexcept {
    const auto room = max_bytes_ > bytes_ ? max_bytes_ - bytes_ : 0;
    const auto share = room / (usual_cost_ * std::max<std::size_t>(producers_.size(), 1));
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(share, credit_window));
}

void queue::top_up(producer& producer) {
    const auto target = credit_target();
    if (target < credit_window) starved_ = true;
    // In halves, so that a flow frame pays for many messages.
    if (producer.credit * 2 > target || producer.credit >= target) return;
    producer.link->grant(target - producer.credit);
    producer.credit = target;
}

void queue::top_up_all() {
    starved_ = false;
    for (auto* producer : producers_) top_up(*producer);
}

}  // namespace pgw::broker
