// A bounded queue with competing consumers, and the credit of those who send to it.
#pragma once

#include "worker/broker/broker.hpp"
#include "worker/broker/stored_message.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace pgw::broker {

class queue;

/// A receiving peer on a queue.
struct consumer {
    amqp::server_link* link = nullptr;
    queue* source = nullptr;
    unsettled_table unsettled;
};

/// A sending peer: how much credit it holds. Without a target (anonymous terminus, topic) only its
/// own window bounds it.
struct producer {
    amqp::server_link* link = nullptr;
    queue* target = nullptr;
    std::uint32_t credit = 0;
};

/// Credit that a producer holds at most.
inline constexpr std::uint32_t credit_window = 1000;

/// Messages wait in the order of their arrival; one that comes back takes its old place.
class queue {
public:
    /// `budget` may be null; it outlives the queue.
    queue(std::uint64_t max_bytes, broker_metrics& metrics, base::byte_budget* budget);
    ~queue();
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    /// False when it would exceed the bound.
    bool push(stored_message message);
    void add(consumer& consumer);
    void remove(consumer& consumer);  ///< What it had unsettled goes back, delivery-count grown.
    void add(producer& producer);
    void remove(producer& producer);
    /// A message of `producer` arrived: one credit less; tops it up when there is room.
    void spend(producer& producer);
    /// Offers what waits to the consumers in turn.
    void dispatch();
    void settle(consumer& consumer, std::uint64_t token, const amqp::outcome& outcome);

    std::size_t waiting() const noexcept { return ready_.size(); }
    std::uint64_t bytes() const noexcept { return bytes_; }
    const std::vector<consumer*>& consumers() const noexcept { return consumers_; }
    const std::vector<producer*>& producers() const noexcept { return producers_; }

private:
    bool offer(consumer& consumer, stored_message& message);
    void put_back(stored_message message);
    void drop(const stored_message& message);
    std::uint32_t credit_target() const noexcept;
    void top_up(producer& producer);
    void top_up_all();

    std::uint64_t max_bytes_;
    broker_metrics& metrics_;
    base::byte_budget* budget_;
    std::deque<stored_message> ready_;
    std::uint64_t bytes_ = 0;  ///< Waiting and unsettled.
    /// What the next message may well cost: the largest lately. Credit is a promise of room.
    std::uint64_t usual_cost_ = 4096;
    std::uint64_t next_sequence_ = 1;
    std::vector<consumer*> consumers_;
    std::size_t turn_ = 0;  ///< The consumer to ask next.
    std::vector<producer*> producers_;
    bool starved_ = false;  ///< A producer got less than it could have used.
    std::vector<std::byte> scratch_;
};

}  // namespace pgw::broker
