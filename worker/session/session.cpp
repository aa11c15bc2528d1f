#include "worker/session/session.hpp"

#include "worker/mqtt/encode.hpp"
#include "worker/session/reason.hpp"
#include "worker/session/thread_memory.hpp"

#include <algorithm>
#include <utility>

namespace pgw::session {
namespace {

/// An idle connection keeps no larger output buffer than this.
constexpr std::size_t idle_output_capacity = 1024;

/// A packet that began must be whole after this, and a second more for each 4 KiB of it: enough for
/// slow links, and an end to packets that are never finished.
constexpr base::seconds packet_patience{30};
constexpr std::size_t slowest_rate = 4 << 10;

/// What a waiting Will costs besides its bytes.
constexpr std::size_t will_overhead = 512;

}  // namespace

client_session::client_session(
    services& services,
    transport& transport,
    std::vector<std::byte>& output,
    std::string_view listener_name,
    base::time_point now
)
    : services_(services),
      transport_(transport),
      output_(output),
      listener_(listener_name),
      kept_(services.budget),
      last_packet_(now),
      client_max_packet_size_(mqtt::max_variable_integer) {}

client_session::~client_session() {
    finish(close_cause::transport_closed);
    release(last_packet_);
}

turn client_session::answer(std::size_t used) const noexcept {
    turn result{.used = used, .missing = missing_, .kept = kept_.held(), .deadline = deadline()};
    if (phase_ == session_phase::closing) {
        const bool client_is_done =
            cause_ == close_cause::client_disconnect || cause_ == close_cause::transport_closed;
        result.next = client_is_done ? next_step::finish : next_step::linger;
    } else if (paused_) {
        result.next = next_step::hold;
    }
    return result;
}

turn client_session::on_bytes(base::bytes_view bytes, base::time_point now) {
    if (phase_ == session_phase::closing) return answer(bytes.size());
    if (output_.size() <= max_output_size) resume(pause_output);
    const std::size_t used = consume(bytes, now);
    // A packet that was cut off says nothing; what waits behind a pause is still to be processed.
    if (ended_ && !paused_) finish(close_cause::transport_closed);
    if (phase_ == session_phase::closing) {
        release(now);
        return answer(bytes.size());  // What follows the last packet is not looked at
                                      // [MQTT-4.13.1-1].
    }
    if (!paused_ && resuming_) {
        resuming_ = false;
        last_packet_ = now;
    }
    return answer(used);
}

turn client_session::on_leaving(base::time_point now) {
    leaving_ = true;
    // It cannot be told to send its publications again elsewhere, and relies on them.
    draining_ = false;
    resume(pause_drain);
    return look(now);
}

turn client_session::on_end(base::bytes_view rest, base::time_point now) {
    ended_ = true;
    on_leaving(now);
    return on_bytes(rest, now);
}

std::size_t client_session::consume(base::bytes_view bytes, base::time_point now) {
    std::size_t used = 0;
    while (phase_ != session_phase::closing && !paused_) {
        const bool connecting = phase_ == session_phase::expecting_connect;
        const std::size_t bound =
            connecting ? std::min<std::size_t>(services_.limits.max_packet_size, max_connect_size)
                       : services_.limits.max_packet_size;
        const auto frame = mqtt::next_frame(bytes.subspan(used), bound);
        // [MQTT-3.1.0-1]. Its first byte is enough to know that it is no CONNECT.
        if (connecting && used < bytes.size() && frame.type != mqtt::packet_type::connect) {
            finish(close_cause::protocol_error);
            break;
        }
        if (frame.status == mqtt::frame_status::incomplete) {
            expect_rest(bytes.size() - used, frame.total, used > 0, now);
            return used;
        }
        if (frame.status != mqtt::frame_status::complete) {
            fail(
                frame.status == mqtt::frame_status::too_large ? mqtt::errc::packet_too_large
                                                              : frame.error
            );
            break;
        }
        if (connecting) {
            on_first_frame(frame, now);
        } else if (!on_frame(frame, now)) {
            break;
        }
        used += frame.total;
        last_packet_ = now;
        resuming_ = false;
        if (output_.size() > max_output_size) pause(pause_output, now);
    }
    // What waits behind a pause is whole, or its time begins when reading goes on.
    packet_deadline_ = base::time_point::max();
    missing_ = 0;
    return used;
}

/// The input ends with `have` bytes of a packet of `total` (0: not known yet). `began`: it was not
/// there before.
void client_session::expect_rest(
    std::size_t have, std::size_t total, bool began, base::time_point now
) {
    const bool first_of_it = began || packet_deadline_ == base::time_point::max();
    const bool size_is_news = missing_ == 0 && total > 0;
    missing_ = total > 0 ? std::uint32_t(total - have) : 0;
    if (have == 0) {
        packet_deadline_ = base::time_point::max();
    } else if (first_of_it || size_is_news) {
        packet_deadline_ = now + packet_patience + base::seconds(total / slowest_rate);
    }
}

turn client_session::on_written(base::time_point now) {
    if ((pauses_ & pause_output) != 0 && output_.size() <= max_output_size) resume(pause_output);
    return look(now);
}

turn client_session::look(base::time_point now) {
    if (phase_ == session_phase::closing) release(now);
    return answer();
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
            return std::min(last_packet_ + base::milliseconds(keep_alive_ms_), packet_deadline_);
        case session_phase::closing:
            break;
    }
    return base::time_point::max();
}

turn client_session::on_timer(base::time_point now) {
    if (phase_ == session_phase::closing) return look(now);
    if (now < deadline()) {
        if (phase_ == session_phase::connected) trim();
        return answer();
    }
    if (phase_ == session_phase::expecting_connect) return close(close_cause::connect_timeout, now);
    if (draining_) return close(close_cause::draining, now);
    if (paused_ || resuming_) return close(close_cause::stalled, now);
    // [MQTT-3.1.2-22]; 3.1.1 [MQTT-3.1.2-24]: one and a half times the keep alive.
    const bool silent = now >= last_packet_ + base::milliseconds(keep_alive_ms_);
    return close(silent ? close_cause::keep_alive_timeout : close_cause::packet_timeout, now);
}

turn client_session::drain(base::time_point now) {
    if (phase_ == session_phase::closing) return look(now);
    if (leaving_) return answer();  // It goes by itself once what it sent is processed.
    if (phase_ == session_phase::expecting_connect || window_.empty()) {
        return close(close_cause::draining, now);
    }
    draining_ = true;
    pause(pause_drain, now);
    transport_.on_session_changed();
    return answer();
}

turn client_session::close(close_cause cause, base::time_point now) {
    if (phase_ == session_phase::closing) return look(now);
    if (cause != close_cause::client_disconnect && cause != close_cause::transport_closed) {
        send_disconnect(disconnect_reason(cause));
    }
    finish(cause);
    release(now);
    transport_.on_session_changed();
    return answer();
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
    aliases_.clear();
    if (!will_.empty()) publish_will(now);
    forget_will();
    stream_.reset();
    kept_.clear();
}

void client_session::publish_will(base::time_point now) {
    auto& metrics = services_.metrics;
    switch (offer_will(services_.publisher, *stream_, will_, services_.limits, metrics, now)) {
        case will_result::published:
            return;
        case will_result::undecodable:
            return metrics.wills_lost.add();
        case will_result::blocked:
            // Its client has gone, so nobody can be held back: it waits by itself. Where even the
            // little that this costs cannot be charged it waits for what it has charged already.
            kept_.resize(will_.size() + will_overhead);
            services_.wills.add(std::move(stream_), std::move(will_), std::move(kept_), now);
    }
}

/// Charges this many bytes more; who holds most makes room if need be.
bool client_session::keep(std::size_t bytes) {
    return kept_.grow(bytes) || (transport_.make_room(bytes) && kept_.grow(bytes));
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
