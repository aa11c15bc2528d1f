// A session with everything around it faked: the test feeds packets and reads the answers.
#pragma once

#include "tests/unit/session/fake_publisher.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/encode.hpp"
#include "worker/session/session.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pgw::session {

using mqtt::protocol_version;
using mqtt::reason_code;
inline constexpr auto v31 = protocol_version::v3_1;
inline constexpr auto v311 = protocol_version::v3_1_1;
inline constexpr auto v5 = protocol_version::v5;

/// Keeps what the log was told.
class recording_notices final : public notices {
public:
    void on_system_topic(std::string_view client, std::string_view topic) override {
        system.push_back(std::string(client) + " " + std::string(topic));
    }
    void on_refused(std::string_view client, std::string_view why) override {
        refused.push_back(std::string(client) + " " + std::string(why));
    }
    std::vector<std::string> system;
    std::vector<std::string> refused;
};

/// What the sessions of a thread share.
struct thread_context {
    manifest::limits limits;
    base::byte_budget budget{std::size_t{1} << 30};
    fake_publisher publisher;
    directory clients;
    session_metrics metrics;
    recording_notices log;
    int wakes = 0;
    will_queue wills{publisher, limits, metrics, base::seconds(60), [this] { ++wakes; }};
    services shared{
        .limits = limits,
        .publisher = publisher,
        .clients = clients,
        .wills = wills,
        .budget = budget,
        .metrics = metrics,
        .log = log,
        .assign_client_id = [this] { return "assigned-" + std::to_string(++assigned); },
        .anonymous_allowed = true,
    };
    int assigned = 0;
    base::time_point now{std::chrono::hours(1)};
};

/// One client's connection.
class peer final : public transport {
public:
    explicit peer(thread_context& context, protocol_version version = protocol_version::v5)
        : context_(context),
          version_(version),
          session_(
              std::make_unique<client_session>(context.shared, *this, output, "mqtt", context.now)
          ) {}

    client_session& session() { return *session_; }
    void destroy() { session_.reset(); }
    void on_session_changed() override { ++changes; }
    bool make_room(std::size_t bytes) override {
        ++rooms_asked;
        return room && room(bytes);
    }
    turn look() { return session_->look(context_.now); }
    bool paused() { return look().next == next_step::hold; }
    base::time_point deadline() { return look().deadline; }

    std::vector<std::byte> encoded(const mqtt::packet& packet) const {
        std::vector<std::byte> bytes;
        EXPECT_EQ(mqtt::encode(packet, version_, bytes), mqtt::errc::ok);
        return bytes;
    }

    /// Feeds bytes after what was left over, as a shell does.
    void feed(base::bytes_view bytes) {
        rest.insert(rest.end(), bytes.begin(), bytes.end());
        refeed();
    }
    void refeed() {
        last = session_->on_bytes(rest, context_.now);
        ASSERT_LE(last.used, rest.size());
        rest.erase(rest.begin(), rest.begin() + std::ptrdiff_t(last.used));
    }
    void feed(const mqtt::packet& packet) { feed(encoded(packet)); }

    /// Takes the output away, decoded; the views in it live until the next call.
    std::vector<mqtt::packet> answers() {
        taken_ = std::exchange(output, {});
        last = session_->on_written(context_.now);
        std::vector<mqtt::packet> list;
        buffers_.clear();
        for (base::bytes_view left(taken_); !left.empty();) {
            const auto frame = mqtt::next_frame(left, left.size());
            if (frame.status != mqtt::frame_status::complete) {
                ADD_FAILURE() << "the output is not made of packets";
                break;
            }
            buffers_.push_back(std::make_unique<mqtt::decode_buffers>());
            auto packet = mqtt::decode(frame, version_, {}, *buffers_.back());
            if (!packet) {
                ADD_FAILURE() << mqtt::describe(packet.error());
                break;
            }
            list.push_back(*packet);
            left = left.subspan(frame.total);
        }
        return list;
    }

    /// The only answer, which must be of this type.
    template <class Packet>
    Packet answer() {
        const auto list = answers();
        EXPECT_EQ(list.size(), 1u);
        if (list.size() != 1 || !std::holds_alternative<Packet>(list[0])) {
            ADD_FAILURE() << "not the expected packet";
            return {};
        }
        return std::get<Packet>(list[0]);
    }

    void connect(mqtt::connect packet) {
        packet.version = version_;
        feed(mqtt::packet(packet));
        EXPECT_EQ(answer<mqtt::connack>().reason, reason_code::success);
        EXPECT_EQ(session_->phase(), session_phase::connected);
    }
    void connect(std::string_view id = "c1") {
        mqtt::connect packet;
        packet.client_id = id;
        packet.keep_alive = 60;
        connect(packet);
    }

    void publish(std::uint16_t packet_id, std::string_view topic = "a/b", bool dup = false) {
        mqtt::publish packet;
        packet.topic = topic;
        packet.payload = base::as_bytes("payload");
        packet.packet_id = packet_id;
        packet.qos = packet_id == 0 ? mqtt::qos::at_most_once : mqtt::qos::at_least_once;
        packet.dup = dup;
        feed(mqtt::packet(packet));
    }

    /// The connection ended for this cause; in MQTT 5 the answer is a DISCONNECT with this reason.
    void expect_closed(close_cause cause, reason_code reason) {
        EXPECT_EQ(session_->phase(), session_phase::closing);
        EXPECT_EQ(name(session_->cause()), name(cause));
        if (version_ == protocol_version::v5) {
            EXPECT_EQ(answer<mqtt::disconnect>().reason, reason);
        } else {
            EXPECT_TRUE(output.empty());
        }
    }

    int changes = 0;
    int rooms_asked = 0;
    std::function<bool(std::size_t)> room;  ///< What make_room() answers; unset: no.
    turn last;                              ///< Of the last feed.
    std::vector<std::byte> rest;
    std::vector<std::byte> output;

private:
    thread_context& context_;
    protocol_version version_;
    std::unique_ptr<client_session> session_;
    std::vector<std::byte> taken_;
    std::vector<std::unique_ptr<mqtt::decode_buffers>> buffers_;
};

inline bridge::result result_of(
    bridge::result_class kind,
    std::string_view text = {},
    bridge::refusal refusal = bridge::refusal::none
) {
    bridge::result result;
    result.kind = kind;
    result.text = text;
    result.refusal = refusal;
    return result;
}

/// Identifiers of the PUBACKs in a list of answers.
inline std::vector<int> puback_ids(const std::vector<mqtt::packet>& list) {
    std::vector<int> ids;
    for (const auto& packet : list) {
        if (const auto* ack = std::get_if<mqtt::puback>(&packet)) ids.push_back(ack->packet_id);
    }
    return ids;
}

}  // namespace pgw::session
