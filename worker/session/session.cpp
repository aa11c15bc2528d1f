// A connection's life: input, pauses, deadlines and its end.
#include "worker/session/session.hpp"

#include "worker/mqtt/encode.hpp"
#include "worker/session/directory.hpp"
#include "worker/session/message.hpp"
#include "worker/session/reason.hpp"

#include <utility>

namespace pgw::session {
namespace {

/// An idle connection keeps no larger output buffer than this.
constexpr std::size_t idle_output_capacity = 1024;

}  // namespace

client_session::client_session(
    services& services, transport& transport, std::string_view listener_name, base::time_point now
)
    : services_(services),
      transport_(transport),
      listener_(listener_name),
      last_packet_(now),
      client_max_packet_size_(mqtt::max_variable_integer) {}

client_session::~client_session() {
    finish(close_cause::transport_closed);
    release(last_packet_);
}

std::size_t client_session::on_bytes(base::bytes_view bytes, base::time_point now) {
    if (phase_ == session_phase::closing) return bytes.size();
    const auto deadline_before = deadline();
    if (output_.size() <= max_output_size) resume(pause_output);
    const std::size_t used = consume(bytes, now);
    if (phase_ == session_phase::closing) {
        release(now);
        return bytes.size();  // What follows the last packet is not looked at [MQTT-4.13.1-1].
    }
    if (!paused_ && resuming_) {
        resuming_ = false;
        last_packet_ = now;
    }
    if (deadline() < deadline_before) transport_.on_session_changed();
    return used;
}

std::size_t client_session::consume(base::bytes_view bytes, base::time_point now) {
    std::size_t used = 0;
    while (phase_ != session_phase::closing && !paused_) {
        const auto frame = mqtt::next_frame(bytes.subspan(used), services_.limits.max_packet_size);
        // [MQTT-3.1.0-1]. Its first byte is enough to know that it is no CONNECT.
        if (phase_ == session_phase::expecting_connect && used < bytes.size() &&
            frame.type != mqtt::packet_type::connect) {
            finish(close_cause::protocol_error);
            break;
        }
        if (frame.status == mqtt::frame_status::incomplete) break;
        if (frame.status != mqtt::frame_status::complete) {
            fail(
                frame.status == mqtt::frame_status::too_large ? mqtt::errc::packet_too_large
                                                              : frame.error
            );
            break;
        }
        if (phase_ == session_phase::expecting_connect) {
            on_first_frame(frame, now);
        } else if (!on_frame(frame, now)) {
            break;
        }
        used += frame.total;
        last_packet_ = now;
        resuming_ = false;
        if (output_.size() > max_output_size) pause(pause_output, now);
    }
    return used;
}

void client_session::on_written(base::time_point now) {
    if (phase_ == session_phase::closing) return release(now);
    if ((pauses_ & pause_output) == 0 || output_.size() > max_output_size) return;
    resume(pause_output);
    if (!paused_) transport_.on_session_changed();
}

void client_session::pause(pause_cause cause, base::time_point now) {
    pauses_ |= cause;
    if (paused_) return;
    paused_ = true;
    services_.metrics.paused.add(1);
    // A pause that begins again before anything was consumed is the same pause.
    if (!resuming_) paused_since_ = now;
    resuming_ = false;
}

void client_session::resume(unsigned causes) {
    pauses_ = std::uint8_t(pauses_ & ~causes);
    if (!paused_ || pauses_ != 0) return;
    paused_ = false;
    resuming_ = true;
    services_.metrics.paused.add(-1);
}

base::time_point client_session::deadline() const noexcept {
    switch (phase_) {
        case session_phase::expecting_connect:
            return last_packet_ + services_.limits.connect_timeout;
        case session_phase::connected:
            // The keep alive of a client that is not read from cannot expire.
            if (paused_ || resuming_) return paused_since_ + services_.limits.max_pause;
            return last_packet_ + base::milliseconds(keep_alive_ms_);
        case session_phase::closing:
            break;
    }
    return base::time_point::max();
}

void client_session::on_timer(base::time_point now) {
    if (phase_ == session_phase::closing) return release(now);
    if (now < deadline()) {
        if (phase_ == session_phase::connected) trim();
        return;
    }
    if (phase_ == session_phase::expecting_connect) return close(close_cause::connect_timeout, now);
    if (draining_) return close(close_cause::draining, now);
    // [MQTT-3.1.2-22]; 3.1.1 [MQTT-3.1.2-24]: one and a half times the keep alive.
    close(paused_ || resuming_ ? close_cause::stalled : close_cause::keep_alive_timeout, now);
}

void client_session::on_transport_closed(base::time_point now) {
    finish(close_cause::transport_closed);
    release(now);
}

void client_session::drain(base::time_point now) {
    if (phase_ == session_phase::closing) return;
    if (phase_ == session_phase::expecting_connect || window_.empty()) {
        return close(close_cause::draining, now);
    }
    draining_ = true;
    pause(pause_drain, now);
    transport_.on_session_changed();
}

void client_session::close(close_cause cause, base::time_point now) {
    if (phase_ == session_phase::closing) return;
    if (cause != close_cause::client_disconnect && cause != close_cause::transport_closed) {
        send_disconnect(disconnect_reason(cause));
    }
    finish(cause);
    release(now);
    transport_.on_session_changed();
}

/// The transition to closing. It calls nobody, so it is allowed inside on_result.
void client_session::finish(close_cause cause) {
    if (phase_ == session_phase::closing) return;
    if (phase_ == session_phase::connected) {
        services_.metrics.connected.add(-1);
        auto& by_id = services_.clients.impl_->by_id;
        const auto found = by_id.find(client_id_);
        if (found != by_id.end() && found->second == this) by_id.erase(found);
    }
    if (paused_) services_.metrics.paused.add(-1);
    paused_ = false;
    resuming_ = false;
    pauses_ = 0;
    phase_ = session_phase::closing;
    cause_ = cause;
    services_.metrics.closes[std::size_t(cause)].add();
}

/// After finish(), outside of the publisher's calls: the Will leaves, the stream ends.
void client_session::release(base::time_point now) {
    if (!stream_) return;
    if (!will_.empty()) publish_will(now);
    will_ = {};
    stream_.reset();
    aliases_.clear();
}

void client_session::publish_will(base::time_point now) {
    auto& shared = *services_.clients.impl_;
    const auto frame = mqtt::next_frame(will_, will_.size());
    mqtt::publish packet;
    const mqtt::decode_limits limits{.max_user_properties = services_.limits.max_user_properties};
    const auto error = mqtt::decode_publish(
        frame.flags, frame.body, mqtt::protocol_version::v5, limits, shared.buffers, packet
    );
    if (error != mqtt::errc::ok) return services_.metrics.wills_lost.add();
    const auto outcome =
        services_.publisher.publish(*stream_, to_message(packet, shared.properties), now);
    const bool lost = outcome.status == bridge::submit_status::blocked;
    (lost ? services_.metrics.wills_lost : services_.metrics.wills_published).add();
}

/// An idle connection gives its buffers back.
void client_session::trim() {
    if (output_.empty() && output_.capacity() > idle_output_capacity) {
        output_ = std::vector<std::byte>();
    }
    window_.trim();
}

/// [MQTT-3.1.2-24]: never more than the client accepts; who cannot be answered is disconnected.
void client_session::send(const mqtt::packet& packet) {
    const auto error = mqtt::encode(packet, version_, output_, client_max_packet_size_);
    if (error != mqtt::errc::ok) finish(cause_of(error));
}

void client_session::send_disconnect(mqtt::reason_code reason, const char* text) {
    if (phase_ != session_phase::connected || !v5()) return;
    mqtt::disconnect packet{.reason = reason};
    if (text != nullptr) {
        packet.properties.reason_string = text;
        // [MQTT-3.14.2-3]: without the text where it would not fit.
        if (mqtt::encode(packet, version_, output_, client_max_packet_size_) == mqtt::errc::ok) {
            return;
        }
        packet.properties.reason_string.reset();
    }
    send(packet);
}

void client_session::fail(mqtt::reason_code reason, close_cause cause, const char* text) {
    send_disconnect(reason, text);
    finish(cause);
}

void client_session::fail(mqtt::errc error) {
    fail(mqtt::to_reason(error), cause_of(error), mqtt::describe(error));
}

}  // namespace pgw::session
