// An AMQP 1.0 receiving peer that does as little as possible.
#include "tests/bench/amqp_sink.hpp"

#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace pgw::bench {

class amqp_sink::connection final : public event_handler {
public:
    connection(amqp_sink& sink, int descriptor) : sink_(sink), descriptor_(descriptor) {
        const bool client = !sink.options_.source.empty();
        pn_connection_driver_init(&driver_, nullptr, nullptr);
        if (!client) pn_transport_set_server(driver_.transport);
        pn_transport_set_max_frame(driver_.transport, 65536);
        pn_sasl_allowed_mechs(pn_sasl(driver_.transport), client ? "ANONYMOUS" : "ANONYMOUS PLAIN");
        pn_connection_set_container(driver_.connection, "pgw-sink");
        if (client) subscribe();
        sink_.poller_.add(descriptor_, client ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
        watching_writable_ = client;
    }

    ~connection() override {
        sink_.poller_.remove(descriptor_, *this);
        close(descriptor_);
        pn_connection_driver_destroy(&driver_);
    }

    void on_ready(std::uint32_t events) override {
        if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
        write();
    }

    bool finished() const noexcept { return finished_; }

    /// Adds credit to the first link of the connection (the fixed-rate mode).
    void grant(int credit) {
        if (!links_.empty()) pn_link_flow(links_.front(), credit);
    }
    bool has_link() const noexcept { return !links_.empty(); }

    void write() {
        while (!finished_) {
            process_events();
            const pn_bytes_t pending = pn_connection_driver_write_buffer(&driver_);
            if (pending.size == 0) break;
            const ssize_t sent = send(descriptor_, pending.start, pending.size, MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno != EAGAIN) finished_ = true;
                watch_writable(errno == EAGAIN);
                return;
            }
            pn_connection_driver_write_done(&driver_, static_cast<std::size_t>(sent));
        }
        watch_writable(false);
        if (pn_connection_driver_finished(&driver_)) finished_ = true;
    }

private:
    void subscribe() {
        pn_connection_open(driver_.connection);
        pn_session_t* session = pn_session(driver_.connection);
        pn_session_open(session);
        pn_link_t* link = pn_receiver(session, "pgw-sink");
        pn_terminus_set_address(pn_link_source(link), sink_.options_.source.c_str());
        pn_data_t* capabilities = pn_terminus_capabilities(pn_link_source(link));
        pn_data_put_symbol(capabilities, pn_bytes(5, "topic"));
        // Spares the broker the outcomes: the kinder choice for a peer.
        pn_link_set_snd_settle_mode(link, PN_SND_SETTLED);
        pn_link_open(link);
        pn_link_flow(link, sink_.options_.credit);
    }

    void read() {
        for (int round = 0; round < 16; ++round) {
            const pn_rwbytes_t space = pn_connection_driver_read_buffer(&driver_);
            if (space.size == 0) return;
            const ssize_t got = recv(descriptor_, space.start, space.size, 0);
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) {
                finished_ = true;
                return;
            }
            pn_connection_driver_read_done(&driver_, static_cast<std::size_t>(got));
            process_events();
            if (static_cast<std::size_t>(got) < space.size) return;
        }
    }

    void process_events() {
        while (pn_event_t* event = pn_connection_driver_next_event(&driver_)) {
            switch (pn_event_type(event)) {
                case PN_DELIVERY:
                    on_delivery(pn_event_delivery(event));
                    break;
                case PN_CONNECTION_REMOTE_OPEN:
                    pn_connection_open(driver_.connection);
                    break;
                case PN_SESSION_REMOTE_OPEN:
                    pn_session_open(pn_event_session(event));
                    break;
                case PN_LINK_REMOTE_OPEN:
                    on_attach(pn_event_link(event));
                    break;
                case PN_LINK_REMOTE_CLOSE:
                case PN_LINK_REMOTE_DETACH:
                    std::erase(links_, pn_event_link(event));
                    pn_link_close(pn_event_link(event));
                    break;
                case PN_SESSION_REMOTE_CLOSE:
                    pn_session_close(pn_event_session(event));
                    break;
                case PN_CONNECTION_REMOTE_CLOSE:
                    pn_connection_close(driver_.connection);
                    break;
                default:
                    break;
            }
        }
    }

    void on_attach(pn_link_t* link) {
        if ((pn_link_state(link) & PN_LOCAL_ACTIVE) != 0) {  // Ours, answered.
            links_.push_back(link);
            return;
        }
        pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
        pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
        pn_link_open(link);
        if (!pn_link_is_receiver(link)) return;
        links_.push_back(link);
        if (sink_.options_.rate == 0) pn_link_flow(link, sink_.options_.credit);
    }

    void on_delivery(pn_delivery_t* delivery) {
        pn_link_t* link = pn_delivery_link(delivery);
        if (!pn_link_is_receiver(link) || !pn_delivery_readable(delivery)) return;
        if (pn_delivery_partial(delivery)) return;
        const std::size_t size = pn_delivery_pending(delivery);
        const std::size_t payload = sink_.options_.payload;
        if (payload != 0 && size >= payload) {
            // The data section is the last one, so the payload is the message's tail.
            message_.resize(std::max(message_.size(), size));
            const ssize_t got = pn_link_recv(link, message_.data(), size);
            if (got == static_cast<ssize_t>(size)) {
                sink_.on_payload_(std::span(message_.data() + (size - payload), payload));
            }
        }
        ++sink_.received_;
        if (!pn_delivery_settled(delivery)) {
            ++sink_.unsettled_;
            pn_delivery_update(delivery, PN_ACCEPTED);
        }
        pn_link_advance(link);
        pn_delivery_settle(delivery);
        if (sink_.options_.rate == 0 && pn_link_credit(link) < sink_.options_.credit / 2) {
            pn_link_flow(link, sink_.options_.credit - pn_link_credit(link));
        }
    }

    void watch_writable(bool wanted) {
        if (wanted == watching_writable_) return;
        watching_writable_ = wanted;
        sink_.poller_.modify(descriptor_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
    }

    amqp_sink& sink_;
    int descriptor_;
    bool finished_ = false;
    bool watching_writable_ = false;
    pn_connection_driver_t driver_{};
    std::vector<pn_link_t*> links_;
    std::vector<char> message_;
};

amqp_sink::amqp_sink(poller& poller, sink_options options, payload_handler on_payload)
    : poller_(poller),
      options_(std::move(options)),
      on_payload_(std::move(on_payload)),
      listener_(options_.source.empty() ? listen_on(options_.port) : -1) {
    if (listener_ >= 0) {
        poller_.add(listener_, EPOLLIN, *this);
        return;
    }
    const int descriptor = start_connect("127.0.0.1", options_.port);
    connections_.push_back(std::make_unique<connection>(*this, descriptor));
}

amqp_sink::~amqp_sink() {
    connections_.clear();
    if (listener_ < 0) return;
    poller_.remove(listener_, *this);
    close(listener_);
}

void amqp_sink::on_ready(std::uint32_t /*events*/) {
    for (int descriptor = accept_from(listener_); descriptor >= 0;
         descriptor = accept_from(listener_)) {
        connections_.push_back(std::make_unique<connection>(*this, descriptor));
    }
}

bool amqp_sink::attached() const noexcept {
    return std::any_of(connections_.begin(), connections_.end(), [](const auto& peer) {
        return peer->has_link();
    });
}

void amqp_sink::end_turn(std::uint64_t now) {
    std::erase_if(connections_, [](const auto& peer) { return peer->finished(); });
    if (options_.rate == 0) return;
    std::vector<connection*> ready;
    for (const auto& peer : connections_) {
        if (peer->has_link()) ready.push_back(peer.get());
    }
    if (ready.empty()) return;
    if (rate_start_ == 0) rate_start_ = now;
    const auto due = static_cast<std::uint64_t>(
        static_cast<double>(now - rate_start_) * 1e-9 * static_cast<double>(options_.rate)
    );
    if (due < granted_ + ready.size()) return;
    const std::uint64_t share = (due - granted_) / ready.size();
    for (connection* peer : ready) {
        peer->grant(static_cast<int>(share));
        peer->write();
    }
    granted_ += share * ready.size();
}

}  // namespace pgw::bench
