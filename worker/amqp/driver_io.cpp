#include "worker/amqp/driver_io.hpp"

#include <boost/asio/io_context.hpp>
#include <proton/connection.h>
#include <proton/transport.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace pgw::amqp {

namespace {

constexpr int reads_per_turn = 4;  // so that one busy peer does not starve the thread's others
constexpr base::seconds linger{2};
// A peer with an idle-time-out of a millisecond gets a heartbeat this often, not at each turn of the
// loop. [2.4.5]
constexpr base::milliseconds tick_pause{20};

pn_timestamp_t proton_time(base::time_point t) {
    return std::chrono::duration_cast<base::milliseconds>(t.time_since_epoch()).count();
}

}  // namespace

driver_io::driver_io(const engine_context& context, driver_events& events)
    : context_(context), events_(&events), descriptor_(context.io) {
    if (pn_connection_driver_init(&driver_, nullptr, nullptr) != 0) throw std::bad_alloc();
    pn_transport_set_max_frame(driver_.transport, max_frame_size);
}

driver_io::~driver_io() {
    close_socket();
    pn_connection_driver_destroy(&driver_);
}

void driver_io::start(net::byte_stream stream) {
    stream_ = std::move(stream);
    // Now rather than with the first event: Proton 0.37 follows a null pointer when frames come
    // before.
    pn_connection_driver_bind(&driver_);
    boost::system::error_code error;
    descriptor_.assign(stream_.fd(), error);
    if (error) return abort("amqp:internal-error", error.message());
    phase_ = phase::handshake;
    step_handshake();
}

void driver_io::step_handshake() {
    const auto result = stream_.handshake();
    switch (result.status) {
        case net::io_status::ok:
            phase_ = phase::open;
            mark();
            wait_read();
            return;
        case net::io_status::want_read:
            return wait_read();
        case net::io_status::want_write:
            return wait_write();
        case net::io_status::closed:
            return abort("amqp:connection:forced", "closed during the TLS handshake");
        case net::io_status::failed:
            return abort("amqp:connection:forced", "TLS: " + stream_.error_text());
    }
}

void driver_io::wait_read() {
    if (reading_ || stalled_ || (polite_ && blocked_) || !descriptor_.is_open()) return;
    reading_ = true;
    descriptor_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [self = shared_from_this()](boost::system::error_code error) {
            self->reading_ = false;
            if (!error && self->events_ != nullptr) self->on_readable();
        }
    );
}

void driver_io::wait_write() {
    if (writing_ || !descriptor_.is_open()) return;
    writing_ = true;
    descriptor_.async_wait(
        boost::asio::posix::descriptor_base::wait_write,
        [self = shared_from_this()](boost::system::error_code error) {
            self->writing_ = false;
            if (error || self->events_ == nullptr) return;
            if (self->phase_ == phase::handshake) return self->step_handshake();
            self->mark();
        }
    );
}

void driver_io::on_readable() {
    if (context_.time != nullptr) context_.time->refresh();
    if (phase_ == phase::handshake) return step_handshake();
    if (phase_ != phase::open || stalled_ || aborted_ || (polite_ && blocked_)) return;
    read_some();
    if (phase_ != phase::open) return;
    mark();
    // A polite one reads on once this is answered: a turn of the loop has many handlers, and as much
    // input again could pile up as they read.
    if (!polite_ && !pn_connection_driver_read_closed(&driver_)) wait_read();
}

void driver_io::read_some() {
    bool more = true;
    for (int reads = 0; reads < reads_per_turn || stream_.has_pending(); ++reads) {
        const auto buffer = pn_connection_driver_read_buffer_sized(&driver_, max_frame_size);
        if (buffer.size <= kept_) return;
        const auto room = std::as_writable_bytes(std::span(buffer.start, buffer.size));
        const auto result = stream_.read(room.subspan(kept_));
        switch (result.status) {
            case net::io_status::ok:
                // A short read means the socket is empty: spare the call that would say so.
                more = result.transferred == room.size() - kept_ || stream_.is_tls();
                if (!take_in(room.first(kept_ + result.transferred)) || !more) return;
                break;
            case net::io_status::want_read:
                return;
            case net::io_status::want_write:
                return wait_write();
            case net::io_status::closed:
                // Proton turns a refused SASL outcome into its error only when it next produces
                // output; without that the error would be the bare end of the stream.
                pn_transport_pending(driver_.transport);
                pn_connection_driver_read_close(&driver_);
                return dispatch();
            case net::io_status::failed:
                return fail("amqp:connection:forced", stream_.error_text());
        }
    }
}

// Gives Proton what the guard has judged. The beginning of a frame that is not all there stays where
// it was read, behind what Proton knows of its buffer. False: stop reading.
bool driver_io::take_in(std::span<std::byte> bytes) {
    const auto verdict = guard_.check(bytes);
    if (!verdict.problem.empty()) {
        abort("amqp:connection:framing-error", verdict.problem);
        return false;
    }
    kept_ = bytes.size() - verdict.pass;
    if (verdict.pass == 0) return true;
    pn_connection_driver_read_done(&driver_, verdict.pass);
    if (kept_ > 0) {
        const auto next = pn_connection_driver_read_buffer_sized(&driver_, max_frame_size);
        if (next.size < kept_) {
            // Proton takes no more input; it has an error of its own.
            kept_ = 0;
        } else {
            std::memmove(next.start, bytes.data() + verdict.pass, kept_);
        }
    }
    dispatch();
    return !aborted_ && !stalled_ && phase_ == phase::open;
}

void driver_io::dispatch() {
    // A handler that aborts or flushes gets back here; the outer loop takes the rest.
    if (dispatching_) return;
    dispatching_ = true;
    // Once aborted the connection is not to be trusted: Proton's queue is left to its end.
    while (events_ != nullptr && !aborted_) {
        auto* event = pn_connection_driver_next_event(&driver_);
        if (event == nullptr) break;
        events_->on_event(event);
    }
    dispatching_ = false;
}

bool driver_io::write_out() {
    while (!aborted_ && events_ != nullptr) {
        dispatch();
        if (aborted_) return false;
        const auto pending = pn_connection_driver_write_buffer(&driver_);
        if (pending.size == 0) return true;
        const auto result = stream_.write(std::as_bytes(std::span(pending.start, pending.size)));
        switch (result.status) {
            case net::io_status::ok:
                pn_connection_driver_write_done(&driver_, result.transferred);
                break;
            case net::io_status::want_write:
                wait_write();
                return false;
            case net::io_status::want_read:
                wait_read();
                return false;
            case net::io_status::closed:
            case net::io_status::failed:
                fail("amqp:connection:forced", stream_.error_text());
                return false;
        }
    }
    return false;
}

void driver_io::flush() {
    // on_finished may destroy the role, and with it the last other reference.
    const auto self = shared_from_this();
    if (phase_ == phase::finished || events_ == nullptr) return;
    if (aborted_) return finish();
    if (phase_ != phase::open) return;
    const bool drained = write_out();
    blocked_ = !drained;
    if (polite_ && drained && !pn_connection_driver_read_closed(&driver_)) wait_read();
    if (aborted_) return finish();
    if (events_ == nullptr) return;
    if (drained && pn_connection_driver_write_closed(&driver_)) {
        const bool peer_done = pn_connection_driver_read_closed(&driver_) ||
                               (pn_connection_state(driver_.connection) & PN_REMOTE_CLOSED) != 0;
        const bool failed = pn_condition_is_set(pn_transport_condition(driver_.transport));
        // We closed first: the peer has a moment to answer, so that it does not see a reset.
        if (peer_done || failed) return finish();
        if (linger_until_ == base::time_point{}) {
            linger_until_ = context_.now() + linger;
            stream_.shutdown();
        }
    }
    tick();
    if (aborted_) return finish();
    // The tick may have produced a heartbeat or the error of a silent peer.
    if (drained && pn_transport_pending(driver_.transport) > 0) mark();
    events_->on_flushed();
}

void driver_io::tick() {
    const auto now = context_.now();
    if (linger_until_ != base::time_point{} && now >= linger_until_) {
        aborted_ = true;
        return;
    }
    auto deadline = linger_until_;
    const auto sooner = [&](base::time_point at) {
        deadline = deadline == base::time_point{} ? at : std::min(at, deadline);
    };
    if (now < next_tick_) {
        if (!timer_.armed()) sooner(next_tick_);
    } else {
        const auto due = pn_transport_tick(driver_.transport, proton_time(now));
        next_tick_ = now + tick_pause;
        if (due > 0) sooner(base::time_point(base::milliseconds(due)));
    }
    // A later deadline than the armed one is found when the timer fires.
    if (deadline != base::time_point{} && (!timer_.armed() || deadline < timer_.deadline())) {
        context_.wheel.arm(timer_, deadline);
    }
}

void driver_io::on_timer(base::time_point) {
    if (phase_ != phase::open) return;
    tick();
    mark();
}

void driver_io::fail(const char* condition, const std::string& description) {
    abort(condition, description.empty() ? "connection lost" : description);
}

void driver_io::abort(std::string_view condition, std::string_view description) {
    if (error_.empty()) error_ = {std::string(condition), std::string(description)};
    aborted_ = true;
    mark();
}

void driver_io::stall(bool stalled) {
    stalled_ = stalled;
    if (!stalled && phase_ == phase::open) wait_read();
}

void driver_io::finish() {
    if (phase_ == phase::finished) return;
    phase_ = phase::finished;
    if (!aborted_) stream_.shutdown();
    close_socket();
    context_.wheel.cancel(timer_);
    if (error_.empty()) error_ = read_condition(pn_transport_condition(driver_.transport));
    if (auto* events = std::exchange(events_, nullptr)) events->on_finished(error_);
}

void driver_io::disown() {
    events_ = nullptr;
    aborted_ = true;
    phase_ = phase::finished;
    context_.wheel.cancel(timer_);
    close_socket();
}

void driver_io::close_socket() {
    // The reactor lets go of the descriptor first; the stream closes it.
    if (descriptor_.is_open()) descriptor_.release();
    stream_.close();
}

}  // namespace pgw::amqp
