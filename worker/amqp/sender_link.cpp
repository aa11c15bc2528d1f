#include "worker/amqp/sender_link.hpp"

#include "common/base/assert.hpp"
#include "worker/amqp/driver_io.hpp"

#include <proton/terminus.h>

#include <bit>
#include <utility>

namespace pgw::amqp {

namespace {

/// A link that lived this long was a good one though nothing was sent on it.
constexpr base::seconds stable_after{10};
/// For so long the peer may be answering a pre-settled delivery.
constexpr base::seconds presettled_suspicion{1};

void* to_context(std::uint64_t token) {
    return std::bit_cast<void*>(token);
}
std::uint64_t to_token(void* context) {
    return std::bit_cast<std::uint64_t>(context);
}

}  // namespace

sender_link::sender_link(
    sender_host& host,
    sender_options options,
    sender_events& events,
    uplink_metrics& metrics,
    base::backoff retry
)
    : host_(&host),
      options_(std::move(options)),
      events_(&events),
      metrics_(&metrics),
      retry_(retry) {}

send_status sender_link::try_send(base::bytes_view message, std::uint64_t token) {
    if (phase_ != phase::attached) {
        wants_sendable_ = true;
        return send_status::closed;
    }
    // Before credit is looked at: it will not fit later either. 0 is no limit. [2.7.3]
    if (max_message_size_ != 0 && message.size() > max_message_size_) return send_status::too_large;
    if (pn_link_credit(link_) <= 0) {
        wants_sendable_ = true;
        return send_status::no_credit;
    }
    if (!has_room()) {
        wants_sendable_ = true;
        await_room();
        return send_status::window_full;
    }
    // Unique while unsettled is all a tag must be; a number of its own is the cheapest. [2.6.12]
    const auto tag = next_tag_++;
    auto* delivery = pn_delivery(link_, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag));
    if (pn_link_current(link_) != delivery) {
        // Only a transfer that the peer sent on our sending link can stand before ours.
        host_->protocol_error("transfer received on a sending link");
        wants_sendable_ = true;
        return send_status::closed;
    }
    pn_link_send(link_, reinterpret_cast<const char*>(message.data()), message.size());
    pn_link_advance(link_);
    // The token travels as the delivery's context, so that an outcome needs no look-up.
    if (options_.presettled) {
        pn_delivery_settle(delivery);
        presettled_at_ = host_->now();
    } else {
        pn_delivery_set_context(delivery, to_context(token));
    }
    metrics_->messages_sent.add();
    report_credit(reported_credit_ - 1);
    host_->mark();
    return send_status::sent;
}

void sender_link::abandon(std::uint64_t token) {
    if (link_ == nullptr || options_.presettled) return;
    // Deadlines come in sending order, so the search nearly always ends at the first one.
    for (auto* delivery = pn_unsettled_head(link_); delivery != nullptr;
         delivery = pn_unsettled_next(delivery)) {
        if (to_token(pn_delivery_get_context(delivery)) != token) continue;
        pn_delivery_settle(delivery);
        host_->mark();
        return;
    }
}

sender_state sender_link::state() const {
    switch (phase_) {
        case phase::attached:
            return pn_link_credit(link_) > 0 ? sender_state::ready : sender_state::starved;
        case phase::refused:
        case phase::failed:
            return sender_state::failed;
        case phase::detached:
        case phase::attaching:
            break;
    }
    return host_ != nullptr ? sender_state::attaching : sender_state::failed;
}

std::string sender_link::last_error() const {
    if (!error_.empty() || host_ == nullptr) return error_.joined();
    return host_->last_error();
}

void sender_link::release() {
    events_ = nullptr;
    if (host_ == nullptr) return;
    if (link_ != nullptr) {
        pn_link_close(link_);
        host_->mark();
    }
    // Without a link to wait for, this is the last use of the uplink's reference.
    if (link_ == nullptr) host_->forget(*this);
}

void sender_link::attach(session_slot& slot, const std::string& name) {
    PGW_ASSERT(link_ == nullptr && slot_ == nullptr);
    slot_ = &slot;
    ++slot.links;
    link_ = pn_sender(slot.session, name.c_str());
    pn_link_set_context(link_, this);
    pn_link_set_snd_settle_mode(link_, options_.presettled ? PN_SND_SETTLED : PN_SND_UNSETTLED);
    pn_link_set_rcv_settle_mode(link_, PN_RCV_FIRST);
    pn_terminus_set_type(pn_link_source(link_), PN_SOURCE);
    auto* target = pn_link_target(link_);
    pn_terminus_set_type(target, PN_TARGET);
    // The anonymous terminus is a target without an address. (anonterm 2.2.1)
    if (!options_.address.empty()) pn_terminus_set_address(target, options_.address.c_str());
    pn_link_open(link_);
    phase_ = phase::attaching;
    host_->mark();
}

void sender_link::on_remote_open(base::time_point now) {
    if (link_ == nullptr || events_ == nullptr) return;
    // Not failed yet: the reason comes with the detach that must follow. [2.6.3]
    if (pn_terminus_get_type(pn_link_remote_target(link_)) == PN_UNSPECIFIED) {
        phase_ = phase::refused;
        error_ = {"", "attach refused"};
        return;
    }
    const auto mode = pn_link_remote_snd_settle_mode(link_);
    const auto opposite = options_.presettled ? PN_SND_UNSETTLED : PN_SND_SETTLED;
    if (mode == opposite) {
        // Sending unsettled there would mean waiting for outcomes that never come.
        error_ = {"amqp:not-implemented", "the upstream refuses the settle mode"};
        phase_ = phase::refused;
        pn_link_close(link_);
        host_->mark();
        return;
    }
    max_message_size_ = pn_link_remote_max_message_size(link_);
    phase_ = phase::attached;
    attached_at_ = now;
    proven_ = false;
    error_ = {};
    wants_sendable_ = true;
    on_flow();
}

void sender_link::on_flow() {
    if (phase_ != phase::attached) return;
    report_credit(pn_link_credit(link_));
    if (wants_sendable_) notify_sendable();
    if (link_ != nullptr && pn_link_get_drain(link_)) {
        pn_link_drained(link_);  // nothing waits here; the user was asked first [2.6.7]
        report_credit(pn_link_credit(link_));
        host_->mark();
    }
}

void sender_link::on_delivery(pn_delivery_t* delivery) {
    if (pn_delivery_current(delivery)) {
        return host_->protocol_error("transfer received on a sending link");
    }
    if (!pn_delivery_updated(delivery)) return;
    const auto result = outcome_of(delivery);
    // `received` and the like: the outcome is still to come, and Proton must stop offering this.
    if (!result) return pn_delivery_clear(delivery);
    const auto token = to_token(pn_delivery_get_context(delivery));
    // Settling only queues: the views in the outcome stay valid until the connection writes.
    pn_delivery_settle(delivery);
    count(*result);
    // Neither an attach nor credit is a success: some peers give both and then refuse.
    if (result->kind == outcome_kind::accepted && !std::exchange(proven_, true)) {
        retry_.reset();
        told_failure_.clear();
        host_->on_accepted();
    }
    if (events_ != nullptr) events_->on_outcome(token, *result);
}

void sender_link::on_remote_detach(
    const link_end& end, base::time_point now, std::uint32_t random
) {
    auto cause = end.error;
    if (cause.empty() && phase_ == phase::refused) cause = error_;
    if (cause.empty()) cause = {"", "detached by the upstream"};
    const link_end because{cause, end.blames_a_delivery, end.shared, end.suspects};
    if (released()) {
        lose(because, false);
        return host_->forget(*this);
    }
    const auto self = shared_from_this();
    const bool lasted = phase_ == phase::attached && now - attached_at_ >= stable_after;
    if (lasted) retry_.reset();
    const bool useful = proven_ || lasted;
    const auto in_doubt = lose(because, false);
    fail(cause, now, random);
    fruitless_ = !useful && in_doubt == 0;
}

void sender_link::on_connection_lost(const link_end& end) {
    const auto self = shared_from_this();
    if (released()) {
        lose(end, true);
        return host_->forget(*this);
    }
    lose(end, true);
    phase_ = phase::detached;
    retry_.reset();
}

void sender_link::fail(error_text error, base::time_point now, std::uint32_t random) {
    if (released()) return;
    error_ = std::move(error);
    phase_ = phase::failed;
    fruitless_ = true;
    proven_ = false;
    retry_at_ = now + retry_.next(random);
}

void sender_link::notify_sendable() {
    if (phase_ != phase::attached || events_ == nullptr || pn_link_credit(link_) <= 0) return;
    if (!has_room()) return await_room();
    wants_sendable_ = false;
    events_->on_sendable();
}

void sender_link::await_room() {
    if (std::exchange(awaits_room_, true)) return;
    host_->await_room(*this);
}

void sender_link::on_flushed() {
    awaits_room_ = false;
    if (wants_sendable_) notify_sendable();
}

void sender_link::begin_close() {
    if (link_ != nullptr) pn_link_close(link_);
}

void sender_link::orphan() {
    report_credit(0);
    host_ = nullptr;
    link_ = nullptr;
    slot_ = nullptr;
    phase_ = phase::failed;
    error_ = {"", "closed"};
}

bool sender_link::has_room() const {
    return pn_session_outgoing_bytes(slot_->session) < max_session_outgoing;
}

std::uint64_t sender_link::lose(const link_end& end, bool connection_gone) {
    if (link_ == nullptr) return 0;
    auto* link = std::exchange(link_, nullptr);
    const bool was_attached = phase_ == phase::attached;
    const auto in_doubt =
        options_.presettled ? 0u : static_cast<std::uint64_t>(pn_link_unsettled(link));
    phase_ = phase::detached;
    wants_sendable_ = true;
    report_credit(0);
    if (in_doubt > 0) metrics_->lost_in_doubt.add(in_doubt);
    if (slot_ != nullptr) {
        PGW_ASSERT(slot_->links > 0);
        --slot_->links;
    }
    slot_ = nullptr;
    // Events of the old link may still be queued: without a context nobody hears them.
    pn_link_set_context(link, nullptr);
    if (!connection_gone) {
        pn_link_close(link);
        pn_link_free(link);
        host_->mark();
    }
    if (events_ != nullptr && (was_attached || in_doubt > 0)) {
        events_->on_lost(
            {end.error.condition,
             end.error.description,
             end.blames_a_delivery,
             end.shared,
             end.suspects}
        );
    }
    return in_doubt;
}

std::uint64_t sender_link::suspects(base::time_point now) const {
    if (link_ == nullptr) return 0;
    if (options_.presettled) return now - presettled_at_ < presettled_suspicion ? 1 : 0;
    return static_cast<std::uint64_t>(pn_link_unsettled(link_));
}

bool sender_link::failure_is_news() {
    if (phase_ != phase::failed) return false;
    auto now = error_.joined();
    if (now == told_failure_) return false;
    told_failure_ = std::move(now);
    return true;
}

void sender_link::report_credit(int credit) {
    if (credit == reported_credit_) return;
    metrics_->credit.add(credit - reported_credit_);
    reported_credit_ = credit;
}

void sender_link::count(const outcome& outcome) {
    switch (outcome.kind) {
        case outcome_kind::accepted:
            return metrics_->outcomes_accepted.add();
        case outcome_kind::rejected:
            return metrics_->outcomes_rejected.add();
        case outcome_kind::released:
            return metrics_->outcomes_released.add();
        case outcome_kind::modified:
            return metrics_->outcomes_modified.add();
        case outcome_kind::none:
        case outcome_kind::unknown:
            return metrics_->outcomes_other.add();
    }
}

}  // namespace pgw::amqp
