// The Wills of one thread that could not be published when they were due: the client's earlier
// publications have no outcome yet, or the upstream has no room.
//
// A client that flaps while its broker is slow meets this every time. Each Will keeps the stream of
// its connection, so its place among the client's messages: a new connection of the client waits
// for it. Bounded by the budget of the process, to which each Will is charged, and in time.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/base/clock.hpp"
#include "common/base/intrusive_list.hpp"
#include "common/manifest/model/gateway.hpp"
#include "worker/bridge/publisher.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/session/metrics.hpp"

#include <cstddef>
#include <functional>
#include <vector>

namespace pgw::session {

enum class will_result : std::uint8_t {
    published,    ///< It has left, or was dropped as everything to $SYS/ is.
    blocked,      ///< The publisher had no room.
    undecodable,  ///< Not a PUBLISH within the limits.
};

/// Publishes a Will that was kept as an encoded MQTT 5 PUBLISH.
will_result offer_will(
    bridge::publisher& publisher,
    bridge::stream& stream,
    base::bytes_view will,
    const manifest::limits& limits,
    session_metrics& metrics,
    base::time_point now
);

/// One a thread; outlived by the publisher.
class will_queue {
public:
    /// `patience`: how long a Will may wait. `wake` is called when a Will can be tried again: call
    /// retry() soon, but not from inside of it.
    will_queue(
        bridge::publisher& publisher,
        const manifest::limits& limits,
        session_metrics& metrics,
        base::milliseconds patience,
        std::function<void()> wake
    );
    ~will_queue();
    will_queue(const will_queue&) = delete;
    will_queue& operator=(const will_queue&) = delete;

    /// Takes a Will that was answered blocked, with the stream it was offered on.
    void add(
        bridge::stream_handle stream,
        std::vector<std::byte> will,
        base::byte_charge charge,
        base::time_point now
    );
    /// Offers again what was woken.
    void retry(base::time_point now);
    /// Gives up what has waited for too long. O(waiting): about once a second.
    void on_tick(base::time_point now);

    std::size_t size() const noexcept { return size_; }

private:
    class entry;

    void end(entry& done);

    bridge::publisher& publisher_;
    const manifest::limits& limits_;
    session_metrics& metrics_;
    base::milliseconds patience_;
    std::function<void()> wake_;
    base::intrusive_list<entry> blocked_;
    base::intrusive_list<entry> woken_;
    std::size_t size_ = 0;
};

}  // namespace pgw::session
