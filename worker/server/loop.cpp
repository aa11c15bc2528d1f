#include "worker/server/loop.hpp"

#include <boost/asio/post.hpp>

namespace pgw::server {
namespace {

/// Handlers of one turn beside the first. One of them serves up to 256 device sockets, so that a few
/// are a batch; with many, answers would wait while devices go on sending, and both sides of us idle.
constexpr int handlers_per_turn = 3;

}  // namespace

loop::loop()
    : work_(boost::asio::make_work_guard(io_)),
      poller_(io_, time_),
      wheel_(time_.now),
      timer_(io_),
      random_(std::random_device{}()) {
    arm();
}

void loop::arm() {
    timer_.expires_after(base::timing_wheel::tick);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        time_.refresh();
        wheel_.advance(time_.now);
        for (auto& tick : ticks_) tick(time_.now);
        arm();
    });
}

void loop::run() {
    bool more = false;
    stopped_ = false;
    while (!stopped_) {
        // With output left over (a full socket elsewhere, say) the turn must not sleep.
        if (more) {
            io_.poll_one();
        } else {
            io_.run_one();
        }
        for (int i = 0; i < handlers_per_turn && io_.poll_one() > 0; ++i) {
        }
        more = flush_.run();
    }
}

void loop::stop() {
    boost::asio::post(io_, [this] { stopped_ = true; });
}

void loop::on_tick(std::function<void(base::time_point)> callback) {
    ticks_.push_back(std::move(callback));
}

}  // namespace pgw::server
