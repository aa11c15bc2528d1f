// A publisher that answers what the test says and remembers what it was given.
#pragma once

#include "worker/bridge/publisher.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgw::session {

class fake_publisher final : public bridge::publisher {
public:
    /// A copy of what arrived.
    struct publication {
        std::string client_id;
        std::string topic;
        std::string payload;
        bridge::assurance assurance{};
        bool retain = false;
        bool duplicate = false;
        bridge::payload_format format{};
        std::optional<std::uint32_t> expiry_seconds;
        std::string content_type;
        std::string response_topic;
        std::string correlation_data;
        std::vector<std::pair<std::string, std::string>> properties;
        std::uint32_t sequence = 0;
        base::time_point at;
    };

    class fake_stream final : public bridge::stream {
    public:
        fake_stream(bridge::publication_sink& s, bridge::client_info c, bool r)
            : sink(&s), client(std::move(c)), can_refuse(r) {}
        void hand_over(bridge::publication_sink& to) override {
            sink = &to;
            handed_over = true;
        }
        void close() noexcept override { sink = nullptr; }

        bridge::publication_sink* sink;  ///< Null once closed.
        bridge::client_info client;
        bool can_refuse;
        bool handed_over = false;
    };

    bridge::stream_handle open(
        bridge::publication_sink& sink, bridge::client_info client, bool can_refuse
    ) override {
        streams.push_back(std::make_unique<fake_stream>(sink, std::move(client), can_refuse));
        return bridge::stream_handle(streams.back().get());
    }

    bridge::submission publish(
        bridge::stream& stream, const bridge::message& message, base::time_point now
    ) override {
        auto& from = static_cast<fake_stream&>(stream);
        ++calls;
        auto answer = next(message);
        if (answer.status == bridge::submit_status::blocked) return answer;
        answer.sequence = sequence++;
        if (remember) publications.push_back(copy(from, message, answer.sequence, now));
        if (answer.status == bridge::submit_status::taken) {
            waiting.emplace_back(&from, answer.sequence);
        } else if (message.assurance == bridge::assurance::at_least_once) {
            ++results;
        }
        return answer;
    }

    /// Reports the result of the publication at `index` among those that wait.
    void complete(std::size_t index, const bridge::result& result = {}) {
        const auto [stream, number] = waiting.at(index);
        waiting.erase(waiting.begin() + std::ptrdiff_t(index));
        ++results;
        if (stream->sink != nullptr) stream->sink->on_result(number, result);
    }
    void capacity() {
        for (const auto& stream : streams) {
            if (stream->sink != nullptr) stream->sink->on_capacity();
        }
    }
    std::size_t open_streams() const {
        return std::size_t(std::count_if(streams.begin(), streams.end(), [](const auto& stream) {
            return stream->sink != nullptr;
        }));
    }

    /// The answers to come; then `usual`, which is `done` for QoS 0 where it says taken.
    std::deque<bridge::submission> script;
    bridge::submit_status usual = bridge::submit_status::taken;
    bool remember = true;
    std::size_t calls = 0;
    std::size_t results = 0;  ///< Results of QoS 1 publications given so far, in either way.
    std::uint32_t sequence = 100;
    std::vector<publication> publications;
    std::vector<std::unique_ptr<fake_stream>> streams;
    std::vector<std::pair<fake_stream*, std::uint32_t>> waiting;

private:
    bridge::submission next(const bridge::message& message) {
        if (!script.empty()) {
            const auto answer = script.front();
            script.pop_front();
            return answer;
        }
        bridge::submission answer;
        answer.status = usual;
        if (usual == bridge::submit_status::taken &&
            message.assurance == bridge::assurance::at_most_once) {
            answer.status = bridge::submit_status::done;
        }
        return answer;
    }

    static publication copy(
        const fake_stream& stream,
        const bridge::message& message,
        std::uint32_t sequence,
        base::time_point now
    ) {
        publication p;
        p.client_id = stream.client.client_id;
        p.topic = message.topic;
        p.payload = base::as_text(message.payload);
        p.assurance = message.assurance;
        p.retain = message.retain;
        p.duplicate = message.duplicate;
        p.format = message.format;
        p.expiry_seconds = message.expiry_seconds;
        p.content_type = message.content_type.value_or("");
        p.response_topic = message.response_topic.value_or("");
        p.correlation_data = base::as_text(message.correlation_data.value_or(base::bytes_view()));
        for (const auto& entry : message.properties) {
            p.properties.emplace_back(entry.key, entry.value);
        }
        p.sequence = sequence;
        p.at = now;
        return p;
    }
};

}  // namespace pgw::session
