// Asks every worker for its status from time to time.
#pragma once

#include "common/base/log.hpp"
#include "operator/controllers/protocol_gateway/cache.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace pgw::controllers {

struct poller_options {
    base::milliseconds interval{15'000};
    base::milliseconds timeout{3'000};
    std::size_t max_concurrent = 32;
};

/// A pod is asked when it becomes ready and then once an interval, all of them spread over a round
/// with at most `max_concurrent` requests at once. A worker that cannot be reached delays nothing.
/// `on_news` is called with the gateway's key when an answer changes what its status says, or when
/// the state of its upstreams has lasted long enough to count.
class poller : public std::enable_shared_from_this<poller> {
public:
    poller(
        boost::asio::io_context& io,
        cache& known,
        poller_options options,
        std::function<void(const std::string& key)> on_news,
        base::logger log
    );

    void start();
    void stop();

private:
    struct target {
        std::string key;
        std::string pod_uid;
        std::string ip;
    };

    void wait();
    void collect();
    void ask_next();
    void on_answer(const target& asked, const std::optional<worker_report>& report);

    boost::asio::io_context& io_;
    cache& cache_;
    poller_options options_;
    std::function<void(const std::string& key)> on_news_;
    base::logger log_;
    boost::asio::steady_timer timer_;
    std::deque<target> queue_;
    std::size_t asking_ = 0;
    std::size_t ticks_ = 0;
    bool stopped_ = false;
};

}  // namespace pgw::controllers
