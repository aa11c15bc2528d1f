// The load generator's publishers and its subscriber.
#include "tests/bench/load_clients.hpp"

#include <bit>
#include <cstring>
#include <utility>

namespace pgw::bench {

namespace {

std::string client_name(std::string_view kind, std::uint32_t index) {
    return std::string(kind) + std::to_string(index);
}

std::string topic_of(const std::string& pattern, std::uint32_t index) {
    const auto at = pattern.find("{n}");
    if (at == std::string::npos) return pattern;
    return pattern.substr(0, at) + std::to_string(index) + pattern.substr(at + 3);
}

void append_length(std::vector<char>& out, std::size_t length) {
    do {
        const auto octet = static_cast<unsigned>(length % 128);
        length /= 128;
        out.push_back(static_cast<char>(length != 0 ? octet | 128u : octet));
    } while (length != 0);
}

void append_text(std::vector<char>& out, const std::string& text) {
    out.push_back(static_cast<char>(text.size() >> 8));
    out.push_back(static_cast<char>(text.size()));
    out.insert(out.end(), text.begin(), text.end());
}

std::uint16_t u16_at(std::span<const char> body, std::size_t at) {
    return static_cast<std::uint16_t>(
        static_cast<unsigned char>(body[at]) << 8 | static_cast<unsigned char>(body[at + 1])
    );
}

}  // namespace

publisher::publisher(
    connection_context& context,
    load_counters& counters,
    const publisher_options& options,
    std::uint32_t index
)
    : mqtt_connection(context, client_name("load-", index)),
      counters_(counters),
      options_(options),
      times_(std::bit_ceil(static_cast<std::size_t>(options.window))) {
    const std::string topic = topic_of(options.topic, index);
    packet_.push_back(static_cast<char>(0x30 | options.qos << 1));
    append_length(packet_, 2 + topic.size() + (options.qos != 0 ? 2u : 0u) + options.size);
    append_text(packet_, topic);
    id_at_ = packet_.size();
    if (options.qos != 0) packet_.resize(packet_.size() + 2);
    payload_at_ = packet_.size();
    packet_.resize(packet_.size() + options.size, 'x');
    std::memcpy(packet_.data() + payload_at_ + 8, &index, sizeof index);
}

std::uint64_t publisher::time_of(std::span<const char> payload) noexcept {
    std::uint64_t time = 0;
    std::memcpy(&time, payload.data(), sizeof time);
    return time;
}

std::uint32_t publisher::index_of(std::span<const char> payload) noexcept {
    std::uint32_t index = 0;
    std::memcpy(&index, payload.data() + 8, sizeof index);
    return index;
}

bool publisher::publish(std::uint64_t time) {
    if (state() != phase::connected) return false;
    if (options_.qos != 0) {
        if (outstanding_ >= options_.window) return false;
        packet_[id_at_] = static_cast<char>(next_id_ >> 8);
        packet_[id_at_ + 1] = static_cast<char>(next_id_);
        times_[next_id_ & (times_.size() - 1)] = time;
        next_id_ = next_id_ == 65535 ? std::uint16_t{1} : static_cast<std::uint16_t>(next_id_ + 1);
    }
    ++outstanding_;
    ++counters_.sent;
    std::memcpy(packet_.data() + payload_at_, &time, sizeof time);
    output().insert(output().end(), packet_.begin(), packet_.end());
    mark_dirty();
    return true;
}

void publisher::fill() {
    if (!options_.automatic || output_blocked()) return;
    const std::uint64_t now = context_.loop.woke_at();
    if (options_.free_run) {
        for (std::uint32_t i = 0; i < options_.window; ++i) publish(now);
        return;
    }
    while (outstanding_ < options_.window && publish(now)) {
    }
}

void publisher::on_consumed() {
    if (options_.qos != 0) return;
    if (outstanding_ != 0) --outstanding_;
    if (!options_.free_run) fill();
}

void publisher::forget() {
    if (options_.qos != 0) return;
    counters_.forgotten += std::exchange(outstanding_, 0u);
    fill();
}

void publisher::on_connected() {
    ++counters_.connected;
    if (options_.churn) {
        disconnect();
    } else if (options_.once) {
        publish(context_.loop.woke_at());
    } else {
        fill();
    }
}

void publisher::on_packet(std::uint8_t first, std::span<const char> body) {
    if (first != 0x40 || body.size() != 2) return;
    const std::uint16_t id = u16_at(body, 0);
    const std::uint64_t now = context_.loop.woke_at();
    const std::uint64_t sent = times_[id & (times_.size() - 1)];
    counters_.ack_latency.record(now > sent ? now - sent : 0);
    ++counters_.acked;
    --outstanding_;
    fill();
}

void publisher::on_writable() {
    if (options_.free_run || options_.qos != 0) fill();
}

void publisher::on_closed() {
    if (options_.churn) {
        ++counters_.finished;
        start();
        return;
    }
    ++counters_.lost;
}

subscriber::subscriber(
    connection_context& context, std::string filter, std::uint32_t qos, payload_handler handler
)
    : mqtt_connection(context, "load-subscriber"),
      filter_(std::move(filter)),
      qos_(qos),
      handler_(std::move(handler)) {}

void subscriber::on_connected() {
    output().push_back('\x82');
    append_length(output(), 2 + 2 + filter_.size() + 1);
    output().insert(output().end(), {'\0', '\1'});
    append_text(output(), filter_);
    output().push_back(static_cast<char>(qos_));
    mark_dirty();
}

void subscriber::on_packet(std::uint8_t first, std::span<const char> body) {
    if (first == 0x90) {
        ready_ = true;
        return;
    }
    if (first >> 4 != 3) return;
    std::size_t at = 2u + u16_at(body, 0);
    if ((first >> 1 & 3) != 0) {
        output().insert(output().end(), {'\x40', '\2', body[at], body[at + 1]});
        mark_dirty();
        at += 2;
    }
    handler_(body.subspan(at));
}

void subscriber::on_closed() {
    fail("the subscriber's connection ended");
}

}  // namespace pgw::bench
