#include "worker/session/will_queue.hpp"

#include "worker/session/message.hpp"
#include "worker/session/topics.hpp"

#include <utility>

namespace pgw::session {
namespace {

/// Offers of one retry. When room comes after a long outage, thousands may be woken at once, and
/// most of them in vain: the loop must go on in between.
constexpr int offers_per_retry = 64;

}  // namespace

will_result offer_will(
    bridge::publisher& publisher,
    bridge::stream& stream,
    base::bytes_view will,
    const manifest::limits& limits,
    session_metrics& metrics,
    base::time_point now
) {
    // Buffers of its own: a Will may be due while a packet of another session is being decoded.
    mqtt::decode_buffers buffers;
    std::vector<bridge::property> properties;
    mqtt::publish packet;
    const auto frame = mqtt::next_frame(will, will.size());
    const auto error = mqtt::decode_publish(
        frame.flags,
        frame.body,
        mqtt::protocol_version::v5,
        {.max_user_properties = limits.max_user_properties},
        buffers,
        packet
    );
    if (error != mqtt::errc::ok) return will_result::undecodable;
    if (is_system_topic(packet.topic)) {
        metrics.system_dropped.add();
        return will_result::published;
    }
    const auto outcome = publisher.publish(stream, to_message(packet, properties), now);
    if (outcome.status == bridge::submit_status::blocked) return will_result::blocked;
    metrics.wills_published.add();
    return will_result::published;
}

/// One Will. It is in the list of those that wait or of those that were woken.
class will_queue::entry final : private base::list_link<entry>, public bridge::publication_sink {
public:
    entry(
        will_queue& queue,
        bridge::stream_handle its_stream,
        std::vector<std::byte> bytes,
        base::byte_charge charge,
        base::time_point give_up_at
    )
        : will(std::move(bytes)),
          deadline(give_up_at),
          stream(std::move(its_stream)),
          queue_(queue),
          charge_(std::move(charge)) {}
    virtual ~entry() = default;

    void on_result(std::uint32_t, const bridge::result&) override {}  // Nobody is left to be told.
    void on_capacity() override {
        base::intrusive_list<entry>::unlink(*this);
        queue_.woken_.push_back(*this);
        queue_.wake_();
    }

    std::vector<std::byte> will;
    base::time_point deadline;
    bridge::stream_handle stream;

private:
    friend class base::intrusive_list<entry>;
    will_queue& queue_;
    base::byte_charge charge_;
};

will_queue::will_queue(
    bridge::publisher& publisher,
    const manifest::limits& limits,
    session_metrics& metrics,
    base::milliseconds patience,
    std::function<void()> wake
)
    : publisher_(publisher),
      limits_(limits),
      metrics_(metrics),
      patience_(patience),
      wake_(std::move(wake)) {}

will_queue::~will_queue() {
    wake_ = [] {};
    while (!blocked_.empty()) end(blocked_.front());
    while (!woken_.empty()) end(woken_.front());
}

void will_queue::add(
    bridge::stream_handle stream,
    std::vector<std::byte> will,
    base::byte_charge charge,
    base::time_point now
) {
    auto* const added =
        new entry(*this, std::move(stream), std::move(will), std::move(charge), now + patience_);
    ++size_;
    blocked_.push_back(*added);
    metrics_.wills_delayed.add();
    metrics_.wills_waiting.add(1);
    added->stream->hand_over(*added);
}

void will_queue::retry(base::time_point now) {
    for (int offers = 0; !woken_.empty(); ++offers) {
        if (offers == offers_per_retry) return wake_();
        auto& tried = woken_.front();
        const auto result =
            offer_will(publisher_, *tried.stream, tried.will, limits_, metrics_, now);
        if (result == will_result::blocked) {
            base::intrusive_list<entry>::unlink(tried);
            blocked_.push_back(tried);
        } else {
            end(tried);
        }
    }
}

void will_queue::on_tick(base::time_point now) {
    // Taken out first: the end of one may wake another, which then changes lists.
    base::intrusive_list<entry> late;
    const auto take = [&](entry& one) {
        if (now < one.deadline) return;
        base::intrusive_list<entry>::unlink(one);
        late.push_back(one);
    };
    blocked_.for_each(take);
    woken_.for_each(take);
    while (!late.empty()) {
        metrics_.wills_lost.add();
        end(late.front());
    }
}

void will_queue::end(entry& done) {
    base::intrusive_list<entry>::unlink(done);
    --size_;
    metrics_.wills_waiting.add(-1);
    delete &done;
}

}  // namespace pgw::session
