// Which connection of a full HTTP server goes when another one comes. Pure.
//
// Anybody can hold connections that ask for nothing, and a pool that turns newcomers away is then
// closed to probes: the one that has waited longest goes instead. A probe sends its request right
// after it connects, so it has waited least.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace pgw::net {

/// Connections of one key are counted together: an IPv4 address, or the network (the upper 64 bits)
/// of an IPv6 one, since a host chooses the rest freely.
using source_key = std::uint64_t;

/// Every input is one step of one connection; what comes back is a connection to close at once. It
/// is forgotten already. `most` is small: choosing costs its square.
class admission {
public:
    using id = std::uint64_t;

    /// At most `most` connections, of which at most `most_streaming` hold an answer that a slow
    /// reader can stretch: the others stay free for probes.
    admission(std::size_t most, std::size_t most_streaming);

    /// A connection came. It is never the one to go.
    std::optional<id> on_opened(id who, source_key source, base::time_point now);
    /// Its request is complete and the answer small enough for the socket's buffer.
    void on_request(id who, base::time_point now);
    /// Its request is complete and the answer is a long one.
    std::optional<id> on_long_request(id who, base::time_point now);
    /// The answer is out: it waits for the next request.
    void on_answered(id who, base::time_point now);
    void on_closed(id who);

    /// The one to go when room is needed for another reason; nullopt: there is none.
    std::optional<id> take_victim();

    std::size_t size() const noexcept { return entries_.size(); }

private:
    enum class phase : std::uint8_t {
        waiting,    ///< Nothing asked since it came, or since its last answer.
        streaming,  ///< A long answer is on its way.
        answering,  ///< A short answer is on its way.
    };
    struct entry {
        id who;
        source_key source;
        phase state;
        base::time_point since;  ///< When it came into its state.
    };

    entry* find(id who);
    std::size_t count(phase state) const;
    std::size_t waiting_of(source_key source) const;
    bool goes_before(const entry& a, const entry& b) const;
    std::optional<id> take(const entry* what);
    const entry* oldest_streaming() const;

    std::size_t most_;
    std::size_t most_streaming_;
    std::vector<entry> entries_;
};

}  // namespace pgw::net
