// PUBLISH in, PUBACK out: the way of a publication through the session.
#include "worker/mqtt/encode.hpp"
#include "worker/mqtt/utf8.hpp"
#include "worker/session/message.hpp"
#include "worker/session/reason.hpp"
#include "worker/session/session.hpp"
#include "worker/session/thread_memory.hpp"
#include "worker/session/topics.hpp"

#include <algorithm>

namespace pgw::session {
namespace {

using mqtt::reason_code;

/// Reason Strings are for people; an AMQP description may be long.
constexpr std::size_t max_reason_string = 256;

constexpr bridge::result too_deep{
    .kind = bridge::result_class::refused,
    .refusal = bridge::refusal::no_route,
    .text = "too many topic levels",
};

}  // namespace

/// False: the packet has to wait and stays unconsumed.
bool client_session::on_publish(const mqtt::frame& frame, base::time_point now) {
    auto& shared = *services_.clients.impl_;
    const auto& limits = services_.limits;
    mqtt::publish packet;
    const auto error = mqtt::decode_publish(
        frame.flags,
        frame.body,
        version_,
        {.max_user_properties = limits.max_user_properties},
        shared.buffers,
        packet
    );
    if (error != mqtt::errc::ok) {
        fail(error);
        return true;
    }
    if (packet.qos == mqtt::qos::exactly_once) {  // [MQTT-3.2.2-11]
        fail(reason_code::qos_not_supported, close_cause::protocol_error);
        return true;
    }
    if (!packet.properties.subscription_identifiers.empty()) {  // [MQTT-3.3.4-6]
        fail(
            reason_code::protocol_error,
            close_cause::protocol_error,
            "Subscription Identifier from a client"
        );
        return true;
    }
    if (packet.properties.topic_alias && !resolve_alias(packet)) return true;
    if (packet.qos == mqtt::qos::at_most_once) return submit(packet, frame.total, now);

    if (window_.contains(packet.packet_id)) {
        // Some 3.x clients resend on a timer: that is the publication in the window. MQTT 5 allows
        // it on a new connection only [MQTT-4.4.0-1], and no one may reuse the identifier
        // [MQTT-2.2.1-3].
        if (v5() || !packet.dup) {
            fail(
                reason_code::protocol_error, close_cause::protocol_error, "packet identifier in use"
            );
        }
        return true;
    }
    return has_place(frame.total, now) && submit(packet, frame.total, now);
}

/// Sets or looks up the alias; false: the connection ends.
bool client_session::resolve_alias(mqtt::publish& packet) {
    const auto& limits = services_.limits;
    const auto alias = *packet.properties.topic_alias;
    if (alias > limits.topic_alias_maximum) {  // [MQTT-3.3.2-9]
        fail(reason_code::topic_alias_invalid, close_cause::protocol_error);
        return false;
    }
    if (!packet.topic.empty()) {
        const auto before = aliases_.bytes();
        if (aliases_.set(
                alias,
                limits.topic_alias_maximum,
                packet.topic,
                packet.topic_levels,
                limits.max_packet_size
            )) {
            const auto after = aliases_.bytes();
            if (after <= before) return kept_.resize(kept_.held() - (before - after));
            if (keep(after - before)) return true;
        }
        fail(reason_code::quota_exceeded, close_cause::protocol_error, "topic aliases too long");
        return false;
    }
    const auto* entry = aliases_.find(alias);
    if (entry == nullptr) {
        fail(reason_code::protocol_error, close_cause::protocol_error, "unknown topic alias");
        return false;
    }
    packet.topic = entry->topic;
    packet.topic_levels = entry->levels;
    return true;
}

/// Whether the window takes one more; false: it is paused or the connection ends.
bool client_session::has_place(std::size_t size, base::time_point now) {
    const auto& limits = services_.limits;
    if (window_.size() >= std::max<std::size_t>(limits.receive_maximum, 1)) {
        if (v5()) {  // [MQTT-3.3.4-7]; section 3.3.4: DISCONNECT with 0x93.
            fail(reason_code::receive_maximum_exceeded, close_cause::receive_maximum_exceeded);
        } else {
            pause(pause_window, now);
        }
        return false;
    }
    if (!window_.empty() && window_.bytes() + size > limits.max_inflight_bytes) {
        pause(pause_bytes, now);
        return false;
    }
    return true;
}

bool client_session::submit(const mqtt::publish& packet, std::size_t size, base::time_point now) {
    auto& metrics = services_.metrics;
    const bool qos0 = packet.qos == mqtt::qos::at_most_once;
    bridge::submission outcome{.result = too_deep};
    if (packet.topic_levels > services_.limits.max_topic_levels) {
        metrics.publishes_too_deep.add();
    } else if (is_system_topic(packet.topic)) {
        outcome = {};  // Accepted, so that a bridge goes on.
        drop_system_publication(packet.topic);
    } else {
        auto& properties = services_.clients.impl_->properties;
        outcome = services_.publisher.publish(*stream_, to_message(packet, properties), now);
        if (outcome.status == bridge::submit_status::blocked) {
            pause(pause_upstream, now);
            return false;
        }
    }
    metrics.payload_bytes.add(packet.payload.size());
    (qos0 ? metrics.publishes_qos0 : metrics.publishes_qos1).add();
    if (qos0) {
        if (outcome.result.kind != bridge::result_class::accepted) metrics.qos0_refused.add();
        return true;
    }
    auto& slot = window_.push(packet.packet_id, size);
    slot.sequence = outcome.sequence;
    if (outcome.status == bridge::submit_status::done) settle(slot, outcome.result);
    return true;
}

void client_session::drop_system_publication(std::string_view topic) {
    services_.metrics.system_dropped.add();
    if (!told_system_) services_.log.on_system_topic(client_id_, topic);
    told_system_ = true;
}

void client_session::on_result(std::uint32_t sequence, const bridge::result& result) {
    if (phase_ != session_phase::connected) return;
    auto* slot = window_.find(sequence);
    if (slot == nullptr) return;
    const auto before = window_.size();
    settle(*slot, result);
    if (phase_ == session_phase::connected) {
        if (window_.size() == before) return;  // It waits for its turn.
        resume(pause_window | pause_bytes);
    }
    transport_.on_session_changed();
}

void client_session::on_capacity() {
    if (phase_ != session_phase::connected) return;
    resume(pause_upstream);
    if (!paused_) transport_.on_session_changed();
}

/// Stores the result of a slot and sends what is due: PUBACKs leave in the order in which the
/// PUBLISHes came [MQTT-4.6.0-2].
void client_session::settle(ack_slot& slot, const bridge::result& result) {
    if (v5()) {
        slot.state = ack_state::acknowledge;
        slot.reason = puback_reason(result);
    } else {
        slot.state = puback_v3(result);
    }
    const bool refused = slot.reason != reason_code::success || slot.state == ack_state::disconnect;
    const auto text = refused ? result.text.substr(0, max_reason_string) : std::string_view();
    if (&slot == &window_.front()) {
        acknowledge(slot, text);
        if (phase_ == session_phase::connected) {
            window_.pop();
            flush_window();
        }
    } else if (!text.empty() && problem_information_) {
        window_.keep_text(slot.packet_id, text);
    }
}

void client_session::flush_window() {
    while (!window_.empty() && window_.front().state != ack_state::pending) {
        const auto& slot = window_.front();
        const bool refused =
            slot.reason != reason_code::success || slot.state == ack_state::disconnect;
        acknowledge(slot, refused ? window_.take_text(slot.packet_id) : std::string());
        if (phase_ != session_phase::connected) return;
        window_.pop();
    }
    if (draining_ && window_.empty()) {
        fail(reason_code::server_shutting_down, close_cause::draining);
    }
}

void client_session::acknowledge(const ack_slot& slot, std::string_view text) {
    if (slot.state == ack_state::disconnect) {
        services_.log.on_refused(client_id_, text);
        return finish(close_cause::refused_publication);
    }
    services_.metrics.pubacks.add();
    if (slot.reason == reason_code::success) {
        return mqtt::append_puback(slot.packet_id, output_);
    }
    mqtt::puback packet{.packet_id = slot.packet_id, .reason = slot.reason};
    // [MQTT-3.1.2-29], [MQTT-3.4.2-2]: only if asked for and if it fits.
    if (problem_information_ && !text.empty() && mqtt::valid_utf8(text)) {
        packet.properties.reason_string = text;
        if (mqtt::encode(packet, version_, output_, client_max_packet_size_) == mqtt::errc::ok) {
            return;
        }
        packet.properties.reason_string.reset();
    }
    send(packet);
}

}  // namespace pgw::session
