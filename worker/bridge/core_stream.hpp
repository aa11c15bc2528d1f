// A stream as the core sees it: plain state of one client connection's publications.
#pragma once

#include "worker/bridge/publisher.hpp"

#include <vector>

namespace pgw::bridge {

class core_stream;
class lane;

/// Told when a stream's adapter let go of it.
class stream_owner {
public:
    virtual void on_handed_over(core_stream& stream) = 0;
    virtual void on_closed(core_stream& stream) noexcept = 0;

protected:
    ~stream_owner() = default;
};

class core_stream final : public stream {
public:
    core_stream(stream_owner& owner, publication_sink& sink, client_info info, bool refuses)
        : client(std::move(info)), can_refuse(refuses), sink_(&sink), owner_(owner) {}

    void hand_over(publication_sink& sink) override {
        sink_ = &sink;
        owner_.on_handed_over(*this);
    }
    void close() noexcept override {
        sink_ = nullptr;
        owner_.on_closed(*this);
    }
    publication_sink* sink() const noexcept { return sink_; }

    /// How a lane holds this stream back; see lane.hpp.
    struct hold {
        const lane* where = nullptr;
        std::uint32_t deferred = 0;   ///< Entries in the lane's deferred list.
        std::uint32_t resending = 0;  ///< Returned entries that are on their way again.
        std::uint32_t strict_in_flight = 0;
        std::uint64_t walk = 0;  ///< The lane's last walk that found the stream held back.
    };
    /// The hold of a lane, or null: almost always null.
    hold* find_hold(const lane& where) noexcept {
        for (auto& h : holds) {
            if (h.where == &where) return &h;
        }
        return nullptr;
    }
    hold& hold_on(const lane& where) {
        if (auto* found = find_hold(where)) return *found;
        return holds.emplace_back(hold{&where, 0, 0, 0, 0});
    }

    client_info client;
    bool can_refuse;
    bool waiting = false;  ///< In some list of streams that were answered `blocked`.
    std::uint32_t next_sequence = 0;
    std::uint32_t in_flight = 0;
    core_stream* predecessor = nullptr;  ///< Of the same client; this one waits until it is done.
    core_stream* successor = nullptr;
    std::vector<hold> holds;

private:
    publication_sink* sink_;
    stream_owner& owner_;
};

}  // namespace pgw::bridge
