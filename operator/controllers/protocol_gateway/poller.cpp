// Polling.
#include "operator/controllers/protocol_gateway/poller.hpp"

#include "common/net/http_fetch.hpp"
#include "operator/controllers/protocol_gateway/desire.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <exception>

namespace pgw::controllers {

namespace {

/// Newly ready pods are looked for so often; each pod is asked once in `interval`.
constexpr base::milliseconds tick{1'000};

boost::asio::awaitable<std::optional<worker_report>> ask(
    std::string ip, base::milliseconds timeout
) {
    constexpr std::size_t most = std::size_t{256} << 10;
    const auto answer =
        co_await net::http_fetch(std::move(ip), resources::port::health, "/status", timeout, most);
    if (answer.status != 200) co_return std::nullopt;
    co_return parse_report(answer.body);
}

// Whether the status of the gateway may say something else now. The number of clients alone is
// looked at when it moved by a tenth.
bool is_news(const polled* before, const std::optional<worker_report>& now) {
    if (before == nullptr || before->report.has_value() != now.has_value()) return true;
    if (!now) return false;
    auto a = *before->report;
    const auto& b = *now;
    const auto moved = a.clients > b.clients ? a.clients - b.clients : b.clients - a.clients;
    if ((a.clients == 0) != (b.clients == 0) || moved * 10 > a.clients) return true;
    a.clients = b.clients;
    return a != b;
}

}  // namespace

poller::poller(
    boost::asio::io_context& io,
    cache& known,
    poller_options options,
    std::function<void(const std::string& key)> on_news,
    base::logger log
)
    : io_(io),
      cache_(known),
      options_(options),
      on_news_(std::move(on_news)),
      log_(std::move(log)),
      timer_(io) {}

void poller::start() {
    wait();
}

void poller::stop() {
    stopped_ = true;
    queue_.clear();
    timer_.cancel();
}

void poller::wait() {
    timer_.expires_after(tick);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        if (error || self->stopped_) return;
        self->collect();
        self->wait();
    });
}

// Whom to ask in this tick: pods that were never asked, and each pod in its own second of the
// round.
void poller::collect() {
    const auto round =
        static_cast<std::size_t>(std::max<std::int64_t>(options_.interval / tick, 1));
    if (!queue_.empty()) return;  // the last tick's are not through yet: the round takes longer
    ++ticks_;
    for (const auto& [key, entry] : cache_.all()) {
        if (!entry.record) continue;
        for (const auto& p : entry.pods) {
            if (!p.ready || p.terminating || p.finished || p.ip.empty()) continue;
            const bool is_new = entry.report_of(p.uid) == nullptr;
            if (is_new || std::hash<std::string>{}(p.uid) % round == ticks_ % round) {
                queue_.push_back({key, p.uid, p.ip});
            }
        }
    }
    while (asking_ < options_.max_concurrent && !queue_.empty()) ask_next();
}

void poller::ask_next() {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    ++asking_;
    auto ip = next.ip;
    boost::asio::co_spawn(
        io_,
        ask(std::move(ip), options_.timeout),
        [self = shared_from_this(), asked = std::move(next)](
            const std::exception_ptr& failure, const std::optional<worker_report>& report
        ) {
            --self->asking_;
            if (self->stopped_) return;
            if (failure) self->log_.error("polling a worker failed", {{"pod_ip", asked.ip}});
            self->on_answer(asked, failure ? std::nullopt : report);
            if (!self->queue_.empty()) self->ask_next();
        }
    );
}

void poller::on_answer(const target& asked, const std::optional<worker_report>& report) {
    const auto* entry = cache_.find(asked.key);
    if (entry == nullptr) return;
    const auto now = base::clock::now();
    const auto* before = entry->report_of(asked.pod_uid);
    const auto reachable = [](const std::optional<worker_report>& r) {
        return r ? r->upstreams_reachable() : std::nullopt;
    };
    polled next{asked.pod_uid, report, now};
    bool news = is_news(before, report);
    if (before != nullptr && before->report.has_value() == report.has_value() &&
        reachable(before->report) == reachable(report)) {
        next.since = before->since;
        const auto age = now - before->since;
        news = news ||
               (age >= upstream_hysteresis && age < upstream_hysteresis + 2 * options_.interval);
    }
    cache_.store_report(asked.key, std::move(next));
    if (news) on_news_(asked.key);
}

}  // namespace pgw::controllers
