#include "worker/server/connection.hpp"

#include <algorithm>
#include <cstring>

namespace pgw::server {
namespace {

/// How long the last bytes of a closing connection may take to leave.
constexpr base::milliseconds linger{2000};
constexpr int discards_per_turn = 4;

}  // namespace

connection::connection(connection_host& host, moving_connection moving)
    : host_(host),
      stream_(std::move(moving.stream)),
      input_(host.services().budget),
      unsent_(host.services().budget),
      listener_(moving.listener),
      accepted_(moving.accepted),
      holder_(*this),
      state_(moving.input.empty() && stream_.is_tls() ? state::handshaking : state::greeting) {
    if (!input_.append(moving.input)) state_ = state::finishing;  // start() drops it
}

connection::~connection() {
    if (stream_.open()) host_.poller().unwatch(stream_.fd());
}

void connection::start() {
    if (state_ == state::finishing || !host_.poller().watch(stream_.fd(), *this)) return drop();
    rearm();
    // Moved here: the CONNECT is whole and this thread is its home.
    if (input_.empty()) return;
    take(input_.bytes(), true);
    // What TLS has decrypted already, no event announces.
    if (alive() && stream_.has_pending()) on_session_changed();
}

std::size_t connection::held() const noexcept {
    return input_.held() + unsent_.held() + turn_.kept;
}

void connection::on_ready(readiness_change change) {
    readable_ = readable_ || change.readable;
    const bool leaves = change.ended && !ended_ && session_ && !turn_.over();
    ended_ = ended_ || change.ended;
    if (leaves) obey(session_->on_leaving(host_.now()));
    switch (state_) {
        case state::handshaking:
            return handshake();
        case state::greeting:
            if (readable_) read();
            return;
        case state::open:
        case state::leaving:
        case state::finishing:
            if (change.writable && !output_.empty()) on_session_changed();
            if (state_ != state::finishing && readable_) read();
            return;
        case state::lingering:
            return discard();
        case state::moved:
        case state::closed:
            return;
    }
}

void connection::handshake() {
    switch (stream_.handshake().status) {
        case net::io_status::ok:
            state_ = state::greeting;
            // The CONNECT may have come with the last of the handshake: no event announces it.
            return read();
        case net::io_status::want_read:
        case net::io_status::want_write:
            return;
        case net::io_status::closed:
        case net::io_status::failed:
            host_.metrics().tls_failures.add();
            host_.log().debug(
                "TLS handshake failed", {{"listener", *listener_}, {"error", stream_.error_text()}}
            );
            drop();
    }
}

// One read's worth. Whoever still has more goes on behind the others, at the end of the turn.
void connection::read() {
    if (state_ != state::greeting && turn_.next != session::next_step::read) return;
    const auto result = input_.size() > joined_size ? read_behind() : read_joined();
    on_read(result.status);
}

net::io_result connection::read_joined() {
    const auto scratch = host_.scratch();
    const auto before = input_.bytes();
    if (!before.empty()) std::memcpy(scratch.data(), before.data(), before.size());
    std::size_t got = 0;
    const auto result = read_into(scratch.subspan(before.size(), read_size), got);
    if (got == 0) return result;
    const auto have = before.size() + got;
    input_.clear();
    take(base::bytes_view(scratch).first(have), false);
    return result;
}

// Only what the packet lacks: what follows it is read into the scratch again.
net::io_result connection::read_behind() {
    const std::size_t most = std::min(turn_.missing == 0 ? read_size : turn_.missing, read_size);
    auto room = input_.room(most);
    if (room.empty() && make_room(input_.growth(most))) room = input_.room(most);
    if (room.empty()) {
        close(session::close_cause::overloaded);
        return {net::io_status::want_write, 0};
    }
    std::size_t got = 0;
    const auto result = read_into(room, got);
    if (got == 0) return result;
    input_.commit(got);
    take(input_.bytes(), true);
    return result;
}

net::io_result connection::read_into(std::span<std::byte> to, std::size_t& got) {
    net::io_result result{net::io_status::ok, 0};
    // TLS hands out a record at a time; plain sockets give all they have in one call.
    do {
        result = stream_.read(to.subspan(got));
        if (result.status == net::io_status::ok) got += result.transferred;
    } while (result.status == net::io_status::ok && stream_.is_tls() && got < to.size());
    if (got > 0) host_.metrics().bytes_in.add(got);
    // A plain socket that gave less than was asked for is empty, and its next byte is an edge.
    const bool drained = result.status == net::io_status::want_read ||
                         (result.status == net::io_status::ok && got < to.size());
    if (drained && !ended_) readable_ = false;
    return result;
}

void connection::on_read(net::io_status status) {
    if (!alive() || state_ >= state::finishing) return;
    if (status == net::io_status::closed || status == net::io_status::failed) {
        ended_ = true;
        return on_input_end();
    }
    // TLS may have to write before it can read on; that edge comes by itself.
    if (status == net::io_status::want_write) return;
    if (readable_ || stream_.has_pending()) on_session_changed();
}

// `is_input`: the bytes are those of input_, else of the scratch.
void connection::take(base::bytes_view bytes, bool is_input) {
    std::size_t used = 0;
    if (state_ == state::greeting) used = greet(bytes);
    if (!alive()) return;
    if (state_ != state::greeting) {
        const auto turn = session_->on_bytes(bytes, host_.now());
        used = turn.used;
        obey(turn);
    }
    if (is_input) {
        input_.consume(used);
    } else if (used < bytes.size()) {
        const auto rest = bytes.subspan(used);
        const bool kept =
            input_.append(rest) || (make_room(input_.growth(rest.size())) && input_.append(rest));
        if (!kept) close(session::close_cause::overloaded);
    }
    report_held();
}

// Nothing is used before the CONNECT is whole: the thread that is its home feeds it.
std::size_t connection::greet(base::bytes_view bytes) {
    const auto first = session::peek(bytes, host_.services().limits);
    if (first.verdict == session::first_packet::kind::incomplete) {
        turn_.missing = first.missing;
        return 0;
    }
    pending.leave();
    const bool known = first.verdict == session::first_packet::kind::connect;
    if (known && !first.client_id.empty() && !host_.at_home(first.client_id)) {
        move_away(first.client_id, bytes);
        return bytes.size();
    }
    session_.emplace(host_.services(), *this, output_, *listener_, accepted_);
    state_ = state::open;
    return 0;
}

void connection::move_away(std::string_view client_id, base::bytes_view bytes) {
    const std::string home(client_id);
    moving_connection moving;
    moving.input.assign(bytes.begin(), bytes.end());
    moving.listener = listener_;
    moving.accepted = accepted_;
    host_.poller().unwatch(stream_.fd());
    moving.stream = std::move(stream_);
    host_.metrics().moved.add();
    state_ = state::moved;
    host_.wheel().cancel(*this);
    host_.retire(*this);
    host_.move_home(home, std::move(moving));
}

// The peer closed, or the connection broke. What it had sent whole counts, also behind a pause.
void connection::on_input_end() {
    if (!session_) return drop();
    if (turn_.next == session::next_step::hold) return;
    const auto turn = session_->on_end(input_.bytes(), host_.now());
    obey(turn);
    input_.consume(std::min(turn.used, input_.size()));
    report_held();
}

// The session came out of a pause: first what has waited.
void connection::refeed() {
    if (!input_.empty()) take(input_.bytes(), true);
    const bool is_open = state_ == state::open || state_ == state::leaving;
    if (is_open && (readable_ || stream_.has_pending())) read();
}

void connection::obey(const session::turn& turn) {
    turn_ = turn;
    if (turn.over() || !output_.empty()) {
        host_.flush_queue().mark(*this, base::flush_queue::stage::device);
    }
    rearm();
}

void connection::on_session_changed() {
    host_.flush_queue().mark(*this, base::flush_queue::stage::device);
}

bool connection::make_room(std::size_t bytes) {
    auto& budget = host_.services().budget;
    if (bytes > budget.limit()) return false;
    while (budget.limit() - bytes < budget.used()) {
        // Nobody is disconnected for the sake of who would hold more.
        auto* const largest = host_.holders().largest(held() + bytes, this);
        if (largest == nullptr) return false;
        const auto before = largest->held();
        host_.metrics().shed.add();
        largest->close(session::close_cause::overloaded);
        if (largest->held() >= before) return false;
    }
    return true;
}

void connection::flush() {
    if (state_ == state::greeting) return read();
    if (state_ == state::lingering) return discard();
    if (state_ != state::open && state_ != state::leaving && state_ != state::finishing) return;
    const bool held_back = turn_.next == session::next_step::hold;
    turn_ = session_->look(host_.now());
    write();
    if (!alive()) return;
    if (turn_.over()) return finish();
    rearm();
    report_held();
    if (turn_.next != session::next_step::read) return;
    if (held_back) return refeed();
    if (readable_ || stream_.has_pending()) read();
}

void connection::write() {
    std::size_t written = 0;
    while (state_ != state::leaving && written < output_.size()) {
        const auto result = stream_.write(base::bytes_view(output_).subspan(written));
        if (result.status == net::io_status::ok) {
            host_.metrics().bytes_out.add(result.transferred);
            written += result.transferred;
        } else if (result.status == net::io_status::want_write ||
                   result.status == net::io_status::want_read) {
            break;
        } else {
            stop_writing();
        }
    }
    if (!alive()) return;
    if (state_ == state::leaving) written = output_.size();
    if (written > 0) {
        output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(written));
        turn_ = session_->on_written(host_.now());
    }
    if (!output_.empty() || unsent_.held() > 0) keep_unsent();
}

// The peer is gone or has closed its side, but what it sent before is in the socket still.
void connection::stop_writing() {
    if (state_ != state::open) return drop();
    state_ = state::leaving;
    readable_ = ended_ = true;
    turn_ = session_->on_leaving(host_.now());
}

void connection::keep_unsent() {
    const auto size = output_.empty() ? 0 : output_.capacity();
    if (unsent_.resize(size) || (make_room(size) && unsent_.resize(size))) return;
    // It does not read, and others hold even more: there is nothing to tell it either.
    drop();
}

// The session is over: what it still has to say leaves, then the socket closes. Closing with unread
// input would reset the connection and could destroy the last answer on its way, so the peer gets a
// moment to close first.
void connection::finish() {
    if (state_ == state::leaving) return drop();
    if (state_ == state::open) {
        state_ = state::finishing;
        input_.clear();
        host_.wheel().arm(*this, host_.now() + linger);
        report_held();
    }
    if (!output_.empty()) return;
    if (turn_.next == session::next_step::finish) return drop();
    stream_.shutdown();
    state_ = state::lingering;
    discard();
}

void connection::discard() {
    for (int reads = 0;; ++reads) {
        const auto result = stream_.read(host_.scratch());
        switch (result.status) {
            case net::io_status::ok:
                if (reads < discards_per_turn) continue;
                return on_session_changed();  // The rest behind the others.
            case net::io_status::want_read:
            case net::io_status::want_write:
                return;
            case net::io_status::closed:
            case net::io_status::failed:
                return drop();
        }
    }
}

void connection::drop() {
    if (!alive()) return;
    state_ = state::closed;
    pending.leave();
    host_.wheel().cancel(*this);
    if (session_) turn_ = session_->close(session::close_cause::transport_closed, host_.now());
    input_.clear();
    unsent_.clear();
    report_held();
    host_.poller().unwatch(stream_.fd());
    stream_.shutdown();
    stream_.close();
    host_.retire(*this);
}

void connection::drain() {
    if (state_ == state::open || state_ == state::leaving) {
        obey(session_->drain(host_.now()));
    } else if (!session_) {
        drop();
    }
}

void connection::close(session::close_cause cause) {
    if (state_ == state::open || state_ == state::leaving) {
        obey(session_->close(cause, host_.now()));
        input_.clear();
        report_held();
    } else {
        drop();  // It had not begun, or was about to end.
    }
}

void connection::give_way() {
    host_.metrics().evicted.add();
    drop();
}

void connection::on_timer(base::time_point now) {
    if (state_ == state::open || state_ == state::leaving) {
        obey(session_->on_timer(now));
        report_held();
        return;
    }
    // Neither a handshake, nor a CONNECT, nor the last bytes came through in time.
    drop();
}

void connection::rearm() {
    if (!alive() || state_ >= state::finishing || turn_.over()) return;
    const auto deadline =
        session_ ? turn_.deadline : accepted_ + host_.services().limits.connect_timeout;
    // A deadline that moved later is noticed when the old one fires: no timer work per packet.
    if (armed() && wheel_timer::deadline() <= deadline) return;
    host_.wheel().arm(*this, deadline);
}

void connection::report_held() {
    host_.holders().update(holder_, held());
}

}  // namespace pgw::server
