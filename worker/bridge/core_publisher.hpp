// The core behind the publisher interface: routes, lanes and streams of one thread.
#pragma once

#include "worker/bridge/lane.hpp"
#include "worker/bridge/route.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pgw::bridge {

/// Finds the thread's uplink for an upstream name. The uplinks outlive the publisher.
using uplink_lookup = std::function<amqp::uplink&(std::string_view upstream)>;

struct publisher_environment {
    uplink_lookup uplinks;
    std::function<std::uint32_t()> random;
    const base::time_point&
        loop_now;               ///< The time of the present loop turn, for events that carry none.
    std::uint64_t incarnation;  ///< Random, of this thread and process start.
};

class core_publisher final : public publisher, public lane_host, public stream_owner {
public:
    /// Opens every route's links at once. `gateway` outlives the publisher.
    core_publisher(
        const manifest::gateway& gateway,
        publisher_environment environment,
        publisher_metrics& metrics
    );
    /// All open streams must be closed.
    ~core_publisher() override;

    stream_handle open(publication_sink& sink, client_info client, bool can_refuse) override;
    submission publish(stream& stream, const message& message, base::time_point now) override;

    /// Deadlines, retries and drops. Call about every 100 ms.
    void on_tick(base::time_point now);

    /// Publications without a result.
    std::size_t in_flight() const noexcept;
    /// Messages of any kind that wait to be sent or settled.
    std::size_t pending() const noexcept;
    /// Whether all links to an upstream are attached.
    bool links_ready(std::string_view upstream) const noexcept;
    /// The first error among the links of an upstream, empty if none.
    std::string link_error(std::string_view upstream) const;

private:
    struct placed_lane {
        std::string upstream;
        amqp::uplink* uplink = nullptr;
        std::string address;
        std::unique_ptr<bridge::lane> lane;
    };

    lane& lane_for(const manifest::upstream& upstream, const std::string& address, bool presettled);
    submission refuse(const route* route, bool can_refuse, refusal why, std::string_view text);
    bool to_dead_letter(const publication& publication, base::bytes_view bytes);
    void count(result_class kind, base::counter& not_in_time);
    void wait(core_stream& stream);
    void settle(core_stream& stream, std::uint32_t sequence, const result& result);

    void on_finished(const publication& publication, base::bytes_view bytes, const result& result)
        override;
    void on_room(lane& lane) override;
    base::time_point now() const noexcept override { return environment_.loop_now; }
    std::uint32_t random() noexcept override { return environment_.random(); }
    publisher_metrics& metrics() noexcept override { return metrics_; }
    void on_handed_over(core_stream& stream) override;
    void on_closed(core_stream& stream) noexcept override;
    void leave(core_stream& stream) noexcept;

    const manifest::gateway& gateway_;
    publisher_environment environment_;
    publisher_metrics& metrics_;
    std::vector<route> routes_;
    /// An upstream of lanes. Before the lanes: it outlives them.
    struct used_upstream {
        amqp::uplink* uplink = nullptr;
        std::unique_ptr<bridge::quarantine> quarantine;
    };
    used_upstream& upstream_of(amqp::uplink& uplink);

    std::vector<used_upstream> upstreams_;
    std::vector<placed_lane> lanes_;
    std::vector<core_stream*> waiting_;  ///< Answered `blocked`, to be woken.
    /// By client id the last of the streams that wait for each other: the first has publications in
    /// flight or to come though its client has gone. Ordered, not hashed: devices choose the keys.
    std::map<std::string, core_stream*> queues_;
    std::uint64_t keys_ = 0;
    expansion expansion_;
};

}  // namespace pgw::bridge
