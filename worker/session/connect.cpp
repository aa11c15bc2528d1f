// CONNECT and CONNACK: what is admitted, what is announced, who is taken over.
#include "worker/mqtt/encode.hpp"
#include "worker/mqtt/topic.hpp"
#include "worker/session/reason.hpp"
#include "worker/session/session.hpp"
#include "worker/session/thread_memory.hpp"

#include <algorithm>

namespace pgw::session {
namespace {

using mqtt::protocol_version;
using mqtt::reason_code;

mqtt::decode_limits codec_limits(const manifest::limits& limits) {
    return {.max_user_properties = limits.max_user_properties};
}

/// The keep alive in force, in seconds: what the client asks for, at most the cap, which also
/// stands in for "none".
std::uint16_t effective_keep_alive(std::uint16_t asked, const manifest::limits& limits) {
    const auto cap = std::clamp<std::int64_t>(limits.max_keep_alive.count(), 1, 0xFFFF);
    return asked == 0 || asked > cap ? std::uint16_t(cap) : asked;
}

}  // namespace

void client_session::on_first_frame(const mqtt::frame& frame, base::time_point now) {
    mqtt::connect packet;
    const auto error = mqtt::decode_connect(
        frame.body, codec_limits(services_.limits), services_.clients.impl_->buffers, packet
    );
    if (error == mqtt::errc::ok) {
        client_max_packet_size_ =
            packet.properties.maximum_packet_size.value_or(std::uint32_t(mqtt::max_variable_integer)
            );
        if (admit(packet)) accept(packet, now);
        return;
    }
    switch (mqtt::answer_form(frame.body)) {
        case mqtt::connack_form::v5:
            refuse_connect(
                protocol_version::v5, mqtt::to_reason(error), cause_of(error), mqtt::describe(error)
            );
            break;
        case mqtt::connack_form::v3:
            // 3.1.1 [MQTT-3.1.2-2]. A malformed CONNECT is not answered [MQTT-3.1.4-1].
            refuse_connect(protocol_version::v3_1_1, mqtt::to_reason(error), cause_of(error));
            break;
        case mqtt::connack_form::none:
            finish(cause_of(error));
    }
}

/// Judges a well-formed CONNECT; false: it was refused.
bool client_session::admit(const mqtt::connect& packet) {
    const auto refuse = [&](reason_code reason, close_cause cause, const char* text = nullptr) {
        refuse_connect(packet.version, reason, cause, text);
        return false;
    };
    const bool is_v5 = packet.version == protocol_version::v5;
    if (packet.client_id.size() > max_client_id_size) {
        return refuse(reason_code::client_identifier_not_valid, close_cause::identifier_rejected);
    }
    // 3.1.1 [MQTT-3.1.3-8]: an assigned identifier needs a clean session; 3.1 knows none.
    if (packet.client_id.empty() &&
        (packet.version == protocol_version::v3_1 || (!is_v5 && !packet.clean_start))) {
        return refuse(reason_code::client_identifier_not_valid, close_cause::identifier_rejected);
    }
    if (packet.properties.authentication_method) {  // [MQTT-4.12.0-1]
        return refuse(
            reason_code::bad_authentication_method,
            close_cause::not_authorized,
            "extended authentication is not supported"
        );
    }
    if (!services_.anonymous_allowed) {
        return refuse(reason_code::not_authorized, close_cause::not_authorized);
    }
    if (!packet.will) return true;
    if (is_v5 && packet.will->qos == mqtt::qos::exactly_once) {  // [MQTT-3.2.2-12]
        return refuse(reason_code::qos_not_supported, close_cause::protocol_error);
    }
    if (mqtt::check_topic_name(packet.will->topic).levels > services_.limits.max_topic_levels) {
        return refuse(
            reason_code::topic_name_invalid,
            close_cause::protocol_error,
            "the Will topic has too many levels"
        );
    }
    return true;
}

void client_session::accept(const mqtt::connect& packet, base::time_point now) {
    const auto& limits = services_.limits;
    const auto& asked = packet.properties;
    version_ = packet.version;
    client_id_ = packet.client_id.empty() ? services_.assign_client_id() : packet.client_id;
    problem_information_ = asked.request_problem_information.value_or(true);
    expiry_asked_ = asked.session_expiry_interval.value_or(0) > 0;
    const std::uint16_t keep_alive = effective_keep_alive(packet.keep_alive, limits);
    keep_alive_ms_ = keep_alive * 1500u;

    // Before anything else decodes into the shared buffers, which hold the Will's user properties.
    if (packet.will) keep_will(packet);
    // The stream keeps the names too; a user name may be as long as the whole CONNECT.
    const auto user_name = packet.user_name.value_or(std::string_view());
    const auto names = 2 * client_id_.size() + user_name.size() + 2 * listener_.size();
    if (!keep(names + will_.capacity())) {
        forget_will();
        return refuse_connect(version_, reason_code::server_busy, close_cause::overloaded);
    }

    mqtt::connack answer;
    if (v5()) {
        auto& announce = answer.properties;
        if (expiry_asked_) announce.session_expiry_interval = 0;
        announce.receive_maximum = std::max<std::uint16_t>(limits.receive_maximum, 1);
        announce.maximum_qos = std::uint8_t(1);
        announce.retain_available = true;
        announce.maximum_packet_size = std::max<std::uint32_t>(limits.max_packet_size, 1);
        if (packet.client_id.empty()) announce.assigned_client_identifier = client_id_;
        announce.topic_alias_maximum = limits.topic_alias_maximum;
        announce.wildcard_subscription_available = false;
        announce.subscription_identifier_available = false;
        announce.shared_subscription_available = false;
        if (keep_alive != packet.keep_alive) announce.server_keep_alive = keep_alive;
    }
    if (mqtt::encode(answer, version_, output_, client_max_packet_size_) != mqtt::errc::ok) {
        return finish(close_cause::packet_too_large);  // [MQTT-3.1.2-24]
    }

    // [MQTT-3.1.4-3]: the older connection of the same client goes first, its Will with it.
    if (auto* older = services_.clients.find(client_id_)) {
        older->close(close_cause::taken_over, now);
    }
    services_.clients.impl_->by_id.emplace(client_id_, this);
    phase_ = session_phase::connected;
    services_.metrics.connected.add(1);
    (v5() ? services_.metrics.connects_v5 : services_.metrics.connects_v3).add();
    stream_ = services_.publisher.open(
        *this,
        {.client_id = client_id_,
         .identity = {},
         .user_name = std::string(user_name),
         .listener = listener_},
        v5()
    );
}

/// The Will is kept in the form in which it would have been published.
void client_session::keep_will(const mqtt::connect& packet) {
    const auto& from = *packet.will;
    mqtt::publish will;
    will.qos = std::min(from.qos, mqtt::qos::at_least_once);  // 3.x may ask for QoS 2.
    will.packet_id = will.qos == mqtt::qos::at_most_once ? std::uint16_t(0) : std::uint16_t(1);
    will.retain = from.retain;
    will.topic = from.topic;
    will.payload = from.payload;
    will.properties = {
        .payload_format_indicator = from.properties.payload_format_indicator,
        .message_expiry_interval = from.properties.message_expiry_interval,
        .response_topic = from.properties.response_topic,
        .correlation_data = from.properties.correlation_data,
        .content_type = from.properties.content_type,
        .user_properties = from.properties.user_properties,
    };
    mqtt::encode(will, protocol_version::v5, will_);
}

/// CONNACK with the reason where the version has one, then the end.
void client_session::refuse_connect(
    protocol_version version, reason_code reason, close_cause cause, const char* text
) {
    mqtt::connack answer;
    answer.reason = reason;
    answer.return_code = mqtt::to_v3(reason);
    const bool is_v5 = version == protocol_version::v5;
    if (is_v5 && text != nullptr) answer.properties.reason_string = text;
    const bool has_code = is_v5 ? mqtt::allowed(mqtt::packet_type::connack, std::uint8_t(reason))
                                : answer.return_code != mqtt::connect_return_code::accepted;
    if (has_code &&
        mqtt::encode(answer, version, output_, client_max_packet_size_) != mqtt::errc::ok) {
        answer.properties.reason_string.reset();  // [MQTT-3.2.2-19]
        mqtt::encode(answer, version, output_, client_max_packet_size_);
    }
    finish(cause);
}

}  // namespace pgw::session
