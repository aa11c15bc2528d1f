// pgw-floor: the message path and nothing else. MQTT 3.1.1 QoS 0 and 1 publishers in, one AMQP 1.0
// sender link out, one thread.
//
// It is measured against, not used: no checks, no limits, no routes, no error handling, and it
// trusts its peers. What it shows is how cheap the path can be:
//  - a readable connection is read into one scratch buffer (up to 64 KiB); only a partial packet is
//    kept;
//  - the AMQP message is written by hand: constant header, one application property, the payload
//    handed to pn_link_send where it lies;
//  - an outcome finds its client through the delivery's context, and is settled there;
//  - AMQP is flushed once per loop turn, then each client that has an answer is written once.
#include "tests/bench/poller.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
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

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using pgw::bench::poller;
using byte = unsigned char;

class client;

/// Who waits for the outcome of a delivery.
struct waiter {
    client* owner = nullptr;
    std::uint32_t sequence = 0;
};

/// The thread's state: everything there is.
struct floor_program {
    pgw::bench::poller loop;
    std::vector<client*> dirty;
    std::vector<client*> paused;
    std::vector<waiter> waiters;
    std::vector<std::uint32_t> free_waiters;
    pn_link_t* sender = nullptr;
    std::uint64_t next_tag = 0;
    byte scratch[256 * 1024];
};

class client final : public pgw::bench::event_handler {
public:
    client(floor_program& program, int descriptor) : program_(program), descriptor_(descriptor) {
        program_.loop.add(descriptor_, EPOLLIN, *this);
    }

    void on_ready(std::uint32_t /*events*/) override {
        const std::size_t kept = input_.size();
        std::memcpy(program_.scratch, input_.data(), kept);
        const ssize_t got = recv(descriptor_, program_.scratch + kept, 65536, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            program_.loop.remove(descriptor_, *this);
            close(descriptor_);
            descriptor_ = -1;
            return;
        }
        consume(kept + static_cast<std::size_t>(got));
        if (paused_) program_.loop.modify(descriptor_, 0, *this);
    }

    void resume() {
        paused_ = false;
        if (descriptor_ < 0) return;
        std::memcpy(program_.scratch, input_.data(), input_.size());
        consume(input_.size());
        if (!paused_) program_.loop.modify(descriptor_, EPOLLIN, *this);
    }

    void on_accepted(std::uint32_t sequence) {
        const std::uint32_t index = sequence - first_;
        if (index < window_.size()) window_[index].second = true;
        while (!window_.empty() && window_.front().second) {
            const std::uint16_t id = window_.front().first;
            const char puback[] = {0x40, 2, static_cast<char>(id >> 8), static_cast<char>(id)};
            output_.append(puback, sizeof puback);
            window_.pop_front();
            ++first_;
        }
        mark_dirty();
    }

    void write() {
        dirty_ = false;
        if (descriptor_ < 0 || output_.empty()) return;
        const ssize_t sent = send(descriptor_, output_.data(), output_.size(), MSG_NOSIGNAL);
        if (sent > 0) output_.erase(0, static_cast<std::size_t>(sent));
    }

private:
    void mark_dirty() {
        if (!std::exchange(dirty_, true)) program_.dirty.push_back(this);
    }

    void consume(std::size_t size) {
        const std::size_t used = parse(program_.scratch, size);
        input_.assign(reinterpret_cast<char*>(program_.scratch) + used, size - used);
    }

    std::size_t parse(const byte* data, std::size_t size) {
        std::size_t at = 0;
        while (size - at >= 2) {
            std::size_t body = at + 1;
            std::size_t length = 0;
            bool complete = false;
            for (unsigned shift = 0; body < size && shift < 28 && !complete; shift += 7) {
                length |= static_cast<std::size_t>(data[body] & 127u) << shift;
                complete = (data[body++] & 128u) == 0;
            }
            if (!complete || size - body < length) break;
            if (!on_packet(data[at], data + body, length)) return at;
            at = body + length;
        }
        return at;
    }

    bool on_packet(byte first, const byte* body, std::size_t length) {
        switch (first >> 4) {
            case 1:
                output_.append("\x20\x02\0\0", 4);
                mark_dirty();
                return true;
            case 3:
                return on_publish(first >> 1 & 3, body, length);
            case 12:
                output_.append("\xd0\0", 2);
                mark_dirty();
                return true;
            default:
                return true;
        }
    }

    bool on_publish(int qos, const byte* body, std::size_t length) {
        if (pn_link_credit(program_.sender) <= 0) {
            if (!std::exchange(paused_, true)) program_.paused.push_back(this);
            return false;
        }
        const std::size_t topic_size = static_cast<std::size_t>(body[0]) << 8 | body[1];
        const byte* payload = body + 2 + topic_size;
        pn_delivery_t* delivery = start_delivery();
        if (qos == 0) {
            send_message(body + 2, topic_size, payload, length - 2 - topic_size);
            pn_delivery_settle(delivery);
            return true;
        }
        const auto id = static_cast<std::uint16_t>(payload[0] << 8 | payload[1]);
        send_message(body + 2, topic_size, payload + 2, length - 4 - topic_size);
        pn_delivery_set_context(delivery, wait_for_outcome());
        window_.emplace_back(id, false);
        return true;
    }

    pn_delivery_t* start_delivery() {
        const std::uint64_t tag = program_.next_tag++;
        return pn_delivery(
            program_.sender, pn_dtag(reinterpret_cast<const char*>(&tag), sizeof tag)
        );
    }

    void* wait_for_outcome() {
        if (program_.free_waiters.empty()) {
            program_.free_waiters.push_back(static_cast<std::uint32_t>(program_.waiters.size()));
            program_.waiters.emplace_back();
        }
        const std::uint32_t index = program_.free_waiters.back();
        program_.free_waiters.pop_back();
        program_.waiters[index] = {this, first_ + static_cast<std::uint32_t>(window_.size())};
        return reinterpret_cast<void*>(static_cast<std::uintptr_t>(index) + 1);
    }

    void send_message(
        const byte* topic, std::size_t topic_size, const byte* payload, std::size_t payload_size
    ) {
        using namespace std::string_view_literals;
        // header{durable: true}; application-properties as map8 of two: "topic" and its value
        constexpr auto sections = "\0\x53\x70\xc0\x02\x01\x41\0\x53\x74\xc1"sv;
        byte head[512];
        byte* out = head;
        const auto put = [&out](const void* data, std::size_t size) {
            std::memcpy(out, data, size);
            out += size;
        };
        put(sections.data(), sections.size());
        *out++ = static_cast<byte>(1 + 7 + 2 + topic_size);
        put("\x02\xa1\x05topic\xa1", 9);
        *out++ = static_cast<byte>(topic_size);
        put(topic, topic_size);
        put("\0\x53\x75", 3);
        if (payload_size < 256) {
            *out++ = 0xa0;
            *out++ = static_cast<byte>(payload_size);
        } else {
            *out++ = 0xb0;
            const std::uint32_t size = htonl(static_cast<std::uint32_t>(payload_size));
            put(&size, sizeof size);
        }
        pn_link_send(
            program_.sender,
            reinterpret_cast<const char*>(head),
            static_cast<std::size_t>(out - head)
        );
        pn_link_send(program_.sender, reinterpret_cast<const char*>(payload), payload_size);
        pn_link_advance(program_.sender);
    }

    floor_program& program_;
    int descriptor_;
    bool dirty_ = false;
    bool paused_ = false;
    std::string input_;
    std::string output_;
    std::deque<std::pair<std::uint16_t, bool>> window_;
    std::uint32_t first_ = 0;
};

class acceptor final : public pgw::bench::event_handler {
public:
    acceptor(floor_program& program, std::uint16_t port)
        : program_(program), listener_(pgw::bench::listen_on(port)) {
        program_.loop.add(listener_, EPOLLIN, *this);
    }

    void on_ready(std::uint32_t /*events*/) override {
        for (int descriptor = pgw::bench::accept_from(listener_); descriptor >= 0;
             descriptor = pgw::bench::accept_from(listener_)) {
            clients_.push_back(std::make_unique<client>(program_, descriptor));
        }
    }

private:
    floor_program& program_;
    int listener_;
    std::vector<std::unique_ptr<client>> clients_;
};

class uplink final : public pgw::bench::event_handler {
public:
    uplink(floor_program& program, int descriptor) : program_(program), descriptor_(descriptor) {
        pn_connection_driver_init(&driver_, nullptr, nullptr);
        pn_transport_set_max_frame(driver_.transport, 65536);
        pn_connection_set_container(driver_.connection, "pgw-floor");
        pn_sasl_allowed_mechs(pn_sasl(driver_.transport), "ANONYMOUS");
        pn_connection_open(driver_.connection);
        pn_session_t* session = pn_session(driver_.connection);
        pn_session_open(session);
        program_.sender = pn_sender(session, "floor");
        pn_terminus_set_address(pn_link_target(program_.sender), "telemetry");
        pn_link_open(program_.sender);
        program_.loop.add(descriptor_, EPOLLIN, *this);
    }

    void on_ready(std::uint32_t events) override {
        if ((events & EPOLLIN) == 0) return;
        for (int round = 0; round < 4; ++round) {
            const pn_rwbytes_t space = pn_connection_driver_read_buffer(&driver_);
            if (space.size == 0) return;
            const ssize_t got = recv(descriptor_, space.start, space.size, 0);
            if (got < 0 && errno == EAGAIN) return;
            if (got <= 0) std::exit(0);
            pn_connection_driver_read_done(&driver_, static_cast<std::size_t>(got));
            process_events();
            if (static_cast<std::size_t>(got) < space.size) return;
        }
    }

    void flush() {
        for (;;) {
            process_events();
            const pn_bytes_t pending = pn_connection_driver_write_buffer(&driver_);
            if (pending.size == 0) break;
            const ssize_t sent = send(descriptor_, pending.start, pending.size, MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno != EAGAIN) std::exit(1);
                watch_writable(true);
                return;
            }
            pn_connection_driver_write_done(&driver_, static_cast<std::size_t>(sent));
        }
        watch_writable(false);
    }

private:
    void process_events() {
        while (pn_event_t* event = pn_connection_driver_next_event(&driver_)) {
            if (pn_event_type(event) != PN_DELIVERY) continue;
            pn_delivery_t* delivery = pn_event_delivery(event);
            const auto index = reinterpret_cast<std::uintptr_t>(pn_delivery_get_context(delivery));
            if (index == 0 || !pn_delivery_updated(delivery)) continue;
            const waiter& waiting = program_.waiters[index - 1];
            waiting.owner->on_accepted(waiting.sequence);
            program_.free_waiters.push_back(static_cast<std::uint32_t>(index - 1));
            pn_delivery_settle(delivery);
        }
    }

    void watch_writable(bool wanted) {
        if (std::exchange(watching_writable_, wanted) == wanted) return;
        program_.loop.modify(descriptor_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
    }

    floor_program& program_;
    int descriptor_;
    bool watching_writable_ = false;
    pn_connection_driver_t driver_{};
};

/// The peer may start after us.
int connect_patiently(std::uint16_t port) {
    for (;;) {
        const int descriptor = pgw::bench::start_connect("127.0.0.1", port);
        pollfd ready{descriptor, POLLOUT, 0};
        poll(&ready, 1, 1000);
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error == 0 && (ready.revents & POLLOUT) != 0) return descriptor;
        close(descriptor);
        usleep(50'000);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: pgw-floor MQTT_PORT AMQP_PORT\n");
        return 2;
    }
    const auto program = std::make_unique<floor_program>();
    acceptor clients(*program, static_cast<std::uint16_t>(std::atoi(argv[1])));
    uplink peer(*program, connect_patiently(static_cast<std::uint16_t>(std::atoi(argv[2]))));
    for (;;) {
        using namespace std::chrono_literals;
        program->loop.turn(100ms);
        if (!program->paused.empty() && pn_link_credit(program->sender) > 0) {
            for (client* waiting : std::exchange(program->paused, {})) waiting->resume();
        }
        peer.flush();
        for (client* answered : program->dirty) answered->write();
        program->dirty.clear();
    }
}
