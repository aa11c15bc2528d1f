// Socket readiness in, session calls out.
#include "worker/server/connection.hpp"

#include <cstring>

namespace pgw::server {
namespace {

/// How long the last bytes of a closing connection may take to leave.
constexpr base::milliseconds linger{2000};
/// Read per readiness: enough to batch, few enough to be fair.
constexpr std::size_t read_size = 64 << 10;
constexpr int discards_per_turn = 4;

}  // namespace

connection::connection(connection_host& host, moving_connection moving, bool pending_connect)
    : host_(host),
      waiter_(host.loop().io(), moving.stream.fd()),
      stream_(std::move(moving.stream)),
      input_(std::move(moving.input)),
      listener_(moving.listener),
      accepted_(moving.accepted),
      state_(input_.empty() && stream_.is_tls() ? state::handshaking : state::greeting),
      pending_connect_(pending_connect) {}

connection::~connection() {
    if (waiter_.is_open()) waiter_.release();
}

void connection::start() {
    rearm();
    if (state_ == state::handshaking) {
        handshake();
    } else if (!input_.empty()) {
        // Moved here: the CONNECT is complete and this thread is its home.
        std::vector<std::byte> bytes;
        bytes.swap(input_);
        greet(bytes);
    } else {
        want_read();
    }
}

void connection::handshake() {
    const auto result = stream_.handshake();
    switch (result.status) {
        case net::io_status::ok:
            state_ = state::greeting;
            if (stream_.has_pending()) {
                read();
            } else {
                want_read();
            }
            return;
        case net::io_status::want_read:
            want_read();
            return;
        case net::io_status::want_write:
            want_write();
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

void connection::read() {
    const auto scratch = host_.scratch();
    std::size_t have = input_.size();
    if (have > 0) std::memcpy(scratch.data(), input_.data(), have);
    const auto limit = std::min(scratch.size(), have + read_size);
    const auto before = have;
    net::io_result result{net::io_status::ok, 0};
    // TLS hands out a record at a time; plain sockets give all they have in one call.
    do {
        result = stream_.read(scratch.subspan(have, limit - have));
        if (result.status == net::io_status::ok) have += result.transferred;
    } while (result.status == net::io_status::ok && stream_.is_tls() && have < limit);

    if (have > before) {
        host_.metrics().bytes_in.add(have - before);
        take(have);
        // An end that was seen behind the bytes is seen again by the next read.
        return;
    }
    switch (result.status) {
        case net::io_status::ok:
        case net::io_status::want_read:
            want_read();
            return;
        case net::io_status::want_write:
            want_write();
            return;
        case net::io_status::closed:
        case net::io_status::failed:
            if (session_) session_->on_transport_closed(host_.loop().time().now);
            drop();
    }
}

// The first `size` bytes of the scratch are the connection's unread input.
void connection::take(std::size_t size) {
    const auto bytes = base::bytes_view(host_.scratch()).first(size);
    if (session_) {
        feed(bytes);
    } else {
        greet(bytes);
    }
}

void connection::greet(base::bytes_view bytes) {
    const auto first = session::peek(bytes, host_.services().limits);
    if (first.verdict == session::first_packet::kind::incomplete) {
        keep(bytes);
        want_read();
        return;
    }
    const bool moves = first.verdict == session::first_packet::kind::connect &&
                       !first.client_id.empty() && !host_.at_home(first.client_id);
    connect_decided();
    if (moves) {
        const std::string client_id(first.client_id);
        moving_connection moving;
        moving.input.assign(bytes.begin(), bytes.end());
        moving.listener = listener_;
        moving.accepted = accepted_;
        waiter_.release();
        moving.stream = std::move(stream_);
        host_.metrics().moved.add();
        state_ = state::closed;
        moved_away_ = true;
        host_.loop().wheel().cancel(*this);
        host_.retire(*this);
        host_.move_home(client_id, std::move(moving));
        return;
    }
    session_ =
        std::make_unique<session::client_session>(host_.services(), *this, *listener_, accepted_);
    state_ = state::open;
    feed(bytes);
}

void connection::feed(base::bytes_view bytes) {
    const auto used = session_->on_bytes(bytes, host_.loop().time().now);
    keep(bytes.subspan(used));
    if (!session_->output().empty() || session_->phase() == session::session_phase::closing) {
        host_.loop().flush().mark(*this, base::flush_queue::stage::device);
    }
    rearm();
    if (session_->phase() == session::session_phase::closing) return;
    if (session_->paused()) {
        waited_ = true;
    } else {
        want_read();
    }
}

// Keeps what was not consumed; releases the buffer when there is nothing.
void connection::keep(base::bytes_view bytes) {
    if (bytes.empty()) {
        if (input_.capacity() > 0) std::vector<std::byte>().swap(input_);
        return;
    }
    if (!input_.empty() && bytes.data() >= input_.data() &&
        bytes.data() < input_.data() + input_.size()) {
        input_.erase(input_.begin(), input_.begin() + (bytes.data() - input_.data()));
        return;
    }
    input_.assign(bytes.begin(), bytes.end());
}

void connection::on_session_changed() {
    host_.loop().flush().mark(*this, base::flush_queue::stage::device);
}

void connection::flush() {
    if (state_ == state::greeting && stream_.has_pending()) {
        read();
        return;
    }
    if (state_ != state::open && state_ != state::finishing) return;
    write();
    if (state_ == state::closed) return;
    if (session_->phase() == session::session_phase::closing) {
        finish();
        return;
    }
    rearm();
    if (session_->paused() || reading_) return;
    // The session came out of a pause with input waiting here, or TLS holds decrypted bytes.
    if (!input_.empty() && waited_) {
        waited_ = false;
        feed(input_);
    } else if (stream_.has_pending()) {
        read();
    } else {
        want_read();
    }
}

void connection::write() {
    auto& output = session_->output();
    std::size_t written = 0;
    while (written < output.size()) {
        const auto result = stream_.write(base::bytes_view(output).subspan(written));
        if (result.status == net::io_status::ok) {
            host_.metrics().bytes_out.add(result.transferred);
            written += result.transferred;
            continue;
        }
        if (result.status == net::io_status::want_write) {
            want_write();
        } else if (result.status == net::io_status::want_read) {
            want_read();
        } else {
            session_->on_transport_closed(host_.loop().time().now);
            drop();
        }
        break;
    }
    if (state_ == state::closed) return;
    if (written == 0) return;
    output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(written));
    session_->on_written(host_.loop().time().now);
}

// The session is over: what it still has to say leaves, then the socket closes. Closing with unread
// input would reset the connection and could destroy the last answer on its way, so the peer gets a
// moment to close first.
void connection::finish() {
    if (state_ == state::open) {
        state_ = state::finishing;
        session_->on_written(host_.loop().time().now);  // a Will leaves now
        host_.loop().wheel().arm(*this, host_.loop().time().now + linger);
    }
    if (!session_->output().empty()) return;
    const bool peer_is_done = session_->cause() == session::close_cause::client_disconnect ||
                              session_->cause() == session::close_cause::transport_closed;
    if (peer_is_done) {
        drop();
    } else if (!shut_) {
        shut_ = true;
        stream_.shutdown();
        discard();
    }
}

void connection::discard() {
    for (int reads = 0;; ++reads) {
        const auto result = stream_.read(host_.scratch());
        switch (result.status) {
            case net::io_status::ok:
                if (reads < discards_per_turn) continue;
                [[fallthrough]];
            case net::io_status::want_read:
            case net::io_status::want_write:
                want_read();
                return;
            case net::io_status::closed:
            case net::io_status::failed:
                drop();
                return;
        }
    }
}

void connection::drop() {
    if (state_ == state::closed) return;
    state_ = state::closed;
    connect_decided();
    host_.loop().wheel().cancel(*this);
    if (waiter_.is_open()) waiter_.release();  // outstanding waits end with an error
    stream_.shutdown();
    stream_.close();
    if (!reading_ && !writing_) host_.retire(*this);
}

void connection::drain() {
    told_to_drain_ = true;
    if (session_) {
        session_->drain(host_.loop().time().now);
        on_session_changed();
    } else {
        drop();
    }
}

void connection::close(session::close_cause cause) {
    if (state_ == state::open) {
        session_->close(cause, host_.loop().time().now);
        on_session_changed();
    } else if (state_ != state::finishing) {
        drop();
    }
}

void connection::on_timer(base::time_point now) {
    if (state_ == state::open) {
        session_->on_timer(now);
        if (session_->phase() == session::session_phase::closing || !session_->output().empty()) {
            on_session_changed();
        }
        if (session_->phase() != session::session_phase::closing) rearm();
        return;
    }
    // Neither a handshake, nor a CONNECT, nor the last bytes came through in time.
    drop();
}

void connection::rearm() {
    if (state_ == state::closed || state_ == state::finishing) return;
    const auto deadline =
        session_ ? session_->deadline() : accepted_ + host_.services().limits.connect_timeout;
    // A deadline that moved later is noticed when the old one fires: no timer work per packet.
    if (armed() && wheel_timer::deadline() <= deadline) return;
    host_.loop().wheel().arm(*this, deadline);
}

void connection::connect_decided() {
    if (!pending_connect_) return;
    pending_connect_ = false;
    host_.on_connect_decided();
}

void connection::want_read() {
    if (reading_ || state_ == state::closed) return;
    if (stream_.has_pending()) {
        // No readiness will announce decrypted bytes: look at the end of the turn.
        on_session_changed();
        return;
    }
    reading_ = true;
    waiter_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this](const boost::system::error_code& error) {
            if (!woke(reading_, error)) return;
            if (state_ == state::handshaking) {
                handshake();
            } else if (state_ != state::finishing) {
                read();
            } else if (shut_) {
                discard();
            } else {
                on_session_changed();
            }
        }
    );
}

void connection::want_write() {
    if (writing_ || state_ == state::closed) return;
    writing_ = true;
    waiter_.async_wait(
        boost::asio::posix::descriptor_base::wait_write,
        [this](const boost::system::error_code& error) {
            if (!woke(writing_, error)) return;
            if (state_ == state::handshaking) {
                handshake();
            } else {
                on_session_changed();
            }
        }
    );
}

// The end of a wait: whether there is something to do. The last one of a closed connection retires
// it.
bool connection::woke(bool& waiting, const boost::system::error_code& error) {
    waiting = false;
    if (state_ == state::closed) {
        if (!reading_ && !writing_) host_.retire(*this);
        return false;
    }
    if (error) return false;
    host_.loop().time().refresh();
    return true;
}

}  // namespace pgw::server
