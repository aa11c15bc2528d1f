// A session between a seeded publisher and a checker: acknowledgements leave in the order of the
// publications and only after their results.
#pragma once

#include "tests/unit/session/fake_publisher.hpp"
#include "worker/mqtt/frame.hpp"
#include "worker/session/session.hpp"

#include <cstdlib>
#include <string>
#include <vector>

namespace pgw::session {

class checked_session final : transport, notices {
public:
    explicit checked_session(std::uint32_t seed)
        : random_(seed * 2 + 1), session_(services_, *this, output_, "fuzz", now_) {
        limits_.receive_maximum = 4;
        limits_.topic_alias_maximum = 3;
        limits_.max_topic_levels = 0xFFFF;
        limits_.max_packet_size = 4096;
        limits_.max_inflight_bytes = 512;
        publisher_.remember = false;
    }

    std::size_t random(std::size_t below) {
        random_ = random_ * 1664525u + 1013904223u;
        return (random_ >> 8) % below;
    }
    bool open() const { return session_.phase() != session_phase::closing; }

    void feed(base::bytes_view piece) {
        rest_.insert(rest_.end(), piece.begin(), piece.end());
        choose_answers();
        took(session_.on_bytes(rest_, now_).used);
    }

    /// Results, capacity, time, draining, a broken connection.
    void disturb() {
        auto& waiting = publisher_.waiting;
        while (!waiting.empty() && random(2) == 0) {
            bridge::result result;
            result.kind = bridge::result_class(random(4));
            result.refusal = bridge::refusal(random(7));
            result.silent = bridge::silent_refusal(random(2));
            result.text = random(2) == 0 ? "text" : "";
            publisher_.complete(random(waiting.size()), result);
        }
        if (random(2) == 0) publisher_.capacity();
        now_ += std::chrono::seconds(random(random(16) == 0 ? 4000 : 4));
        if (now_ >= session_.look(now_).deadline) session_.on_timer(now_);
        wills_.retry(now_);
        wills_.on_tick(now_);
        if (random(64) == 0) session_.drain(now_);
        if (random(64) == 0) took(session_.on_end(rest_, now_).used);
    }

    void check() {
        base::bytes_view output(output_);
        while (!output.empty()) {
            const auto frame = mqtt::next_frame(output, output.size());
            if (frame.status != mqtt::frame_status::complete) std::abort();
            if (frame.type == mqtt::packet_type::puback) {
                const auto id = (unsigned(frame.body[0]) << 8) | unsigned(frame.body[1]);
                // A resend may have been absorbed: then nothing answers it.
                while (next_ < published_.size() && published_[next_].packet_id != id &&
                       published_[next_].duplicate) {
                    ++next_;
                }
                if (next_ >= published_.size()) std::abort();
                if (published_[next_++].packet_id != id) std::abort();
                // Those to $SYS/ are acknowledged without the publisher.
                if (++acknowledged_ > publisher_.results + metrics_.system_dropped.value()) {
                    std::abort();
                }
            }
            output = output.subspan(frame.total);
        }
        output_.clear();
        session_.on_written(now_);
    }

private:
    struct published {
        unsigned packet_id = 0;
        bool duplicate = false;
    };

    void took(std::size_t used) {
        if (used > rest_.size()) std::abort();
        remember_publishes(base::bytes_view(rest_).first(used));
        rest_.erase(rest_.begin(), rest_.begin() + std::ptrdiff_t(used));
    }

    void on_session_changed() override {}
    bool make_room(std::size_t) override { return false; }
    void on_system_topic(std::string_view, std::string_view) override {}
    void on_refused(std::string_view, std::string_view) override {}

    /// The next publications are taken or done, those after them blocked.
    void choose_answers() {
        publisher_.usual = bridge::submit_status::blocked;
        publisher_.script.clear();
        for (std::size_t i = random(6); i > 0; --i) {
            bridge::submission answer;
            answer.status = bridge::submit_status(random(2));
            publisher_.script.push_back(answer);
        }
    }

    /// What the consumed input says was published at QoS 1.
    void remember_publishes(base::bytes_view used) {
        while (!used.empty()) {
            const auto frame = mqtt::next_frame(used, limits_.max_packet_size);
            if (frame.status != mqtt::frame_status::complete) return;
            used = used.subspan(frame.total);
            if (frame.type != mqtt::packet_type::publish || (frame.flags & 6) != 2) continue;
            if (frame.body.size() < 4) continue;
            const std::size_t topic =
                (std::size_t(frame.body[0]) << 8) | std::size_t(frame.body[1]);
            if (frame.body.size() < topic + 4) continue;
            const auto id =
                (unsigned(frame.body[topic + 2]) << 8) | unsigned(frame.body[topic + 3]);
            published_.push_back({id, (frame.flags & 8) != 0});
        }
    }

    std::uint32_t random_;
    base::time_point now_{std::chrono::hours(1)};
    manifest::limits limits_;
    fake_publisher publisher_;
    directory clients_;
    session_metrics metrics_;
    base::byte_budget budget_{8192};  ///< Small: it is used up now and then.
    will_queue wills_{publisher_, limits_, metrics_, base::seconds(8), [] {}};
    services services_{
        .limits = limits_,
        .publisher = publisher_,
        .clients = clients_,
        .wills = wills_,
        .budget = budget_,
        .metrics = metrics_,
        .log = *this,
        .assign_client_id = [] { return std::string("assigned"); },
        .anonymous_allowed = true,
    };
    std::vector<std::byte> output_;
    client_session session_;
    std::vector<std::byte> rest_;
    std::vector<published> published_;
    std::size_t next_ = 0;  ///< Into published_: the first that may be acknowledged.
    std::size_t acknowledged_ = 0;
};

}  // namespace pgw::session
