// pgw-loadgen: MQTT 3.1.1 load from one thread, the consumer of that load if asked to, and one JSON
// object on standard output about what happened.
#include "tests/bench/amqp_sink.hpp"
#include "tests/bench/load_clients.hpp"
#include "tests/bench/load_options.hpp"
#include "tests/bench/process_stat.hpp"

#include <openssl/ssl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

namespace pgw::bench {
namespace {

using namespace std::chrono_literals;

/// Everything that is read at the edges of the measured interval.
struct sample {
    std::uint64_t time = 0;
    std::uint64_t sent = 0;
    std::uint64_t acked = 0;
    std::uint64_t consumed = 0;
    std::uint64_t finished = 0;
    process_stat server;
    process_stat self;
};

class load_run {
public:
    explicit load_run(const load_options& options)
        : options_(options), context_{loop_, options.host, options.port, nullptr, {}} {
        if (options.tls) {
            tls_.reset(SSL_CTX_new(TLS_client_method()));
            SSL_CTX_set_mode(
                tls_.get(),
                SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                    SSL_MODE_RELEASE_BUFFERS
            );
            context_.tls = tls_.get();
        }
        const bool held = options.mode == load_mode::idle;
        publishing_.topic = options.topic;
        publishing_.qos = options.qos;
        publishing_.window =
            options.mode == load_mode::open ? 60'000 / options.clients + 64 : options.window;
        publishing_.size = options.size;
        publishing_.automatic = options.mode == load_mode::closed;
        publishing_.free_run = options.free_run;
        publishing_.once = held;
        publishing_.churn = options.mode == load_mode::churn;
    }

    void run() {
        start_consumers();
        switch (options_.mode) {
            case load_mode::idle:
                run_idle();
                break;
            case load_mode::subscribe:
                measure();
                break;
            default:
                connect_up_to(options_.clients);
                measure();
        }
    }

private:
    struct free_tls {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };

    void start_consumers() {
        const auto consumed = [this](std::span<const char> payload) { on_payload(payload); };
        if (options_.sink_port != 0) {
            sink_options sink;
            sink.port = options_.sink_port;
            sink.source = options_.sink_source;
            sink.credit = options_.sink_credit;
            sink.rate = options_.sink_rate;
            sink.payload = options_.size;
            sink_ = std::make_unique<amqp_sink>(loop_, sink, consumed);
            wait_until([this] { return sink_->attached(); }, "an AMQP link");
        }
        if (!options_.subscribe.empty()) {
            subscriber_ =
                std::make_unique<subscriber>(context_, options_.subscribe, options_.qos, consumed);
            subscriber_->start();
            wait_until([this] { return subscriber_->ready(); }, "a SUBACK");
        }
    }

    void on_payload(std::span<const char> payload) {
        ++counters_.consumed;
        last_progress_ = loop_.woke_at();
        if (payload.size() < 16) return;
        const std::uint64_t sent = publisher::time_of(payload);
        const std::uint64_t now = options_.mode == load_mode::open ? now_ns() : loop_.woke_at();
        counters_.delivery_latency.record(now > sent ? now - sent : 0);
        const std::uint32_t index = publisher::index_of(payload);
        if (index < publishers_.size()) publishers_[index]->on_consumed();
    }

    void turn(std::chrono::nanoseconds timeout) {
        loop_.turn(timeout);
        if (sink_) sink_->end_turn(loop_.woke_at());
        if (options_.mode == load_mode::open && sending_) send_due();
        writing_.swap(context_.dirty);
        for (mqtt_connection* connection : writing_) connection->flush();
        writing_.clear();
        revive(loop_.woke_at());
    }

    /// A QoS 0 message can be dropped by the server; its place in the window must not stay taken.
    void revive(std::uint64_t now) {
        if (options_.qos != 0 || publishing_.free_run || !publishing_.automatic) return;
        if (now - last_progress_ < 500'000'000u) return;
        last_progress_ = now;
        for (const auto& client : publishers_) client->forget();
    }

    template <class Condition>
    void wait_until(Condition condition, const char* what) {
        const std::uint64_t end = now_ns() + 60'000'000'000u;
        while (!condition()) {
            if (now_ns() > end) {
                std::fprintf(stderr, "pgw-loadgen: waited 60 s for %s\n", what);
                std::exit(1);
            }
            turn(10ms);
        }
    }

    void run_for(double seconds) {
        const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
        for (std::uint64_t now = now_ns(); now < end; now = now_ns()) {
            turn(std::min(next_wait(now), std::chrono::nanoseconds(end - now)));
        }
    }

    std::chrono::nanoseconds next_wait(std::uint64_t now) const {
        if (options_.mode == load_mode::open && sending_) {
            const std::uint64_t due = intended_time(next_message_);
            return std::chrono::nanoseconds(due > now ? due - now : 0);
        }
        return options_.sink_rate != 0 ? 1ms : 100ms;
    }

    void connect_up_to(std::uint32_t count) {
        const std::uint64_t before = counters_.connected;
        const std::uint64_t wanted = before + (count - publishers_.size());
        while (counters_.connected + counters_.lost < wanted || publishers_.size() < count) {
            const bool churning = options_.mode == load_mode::churn;
            while (publishers_.size() < count &&
                   (churning || publishers_.size() - counters_.connected - counters_.lost <
                                    options_.connecting)) {
                publishers_.push_back(std::make_unique<publisher>(
                    context_, counters_, publishing_, static_cast<std::uint32_t>(publishers_.size())
                ));
                publishers_.back()->start();
            }
            turn(10ms);
        }
        if (counters_.lost != 0) {
            std::fprintf(stderr, "pgw-loadgen: some connects failed\n");
            std::exit(1);
        }
    }

    std::uint64_t intended_time(std::uint64_t message) const {
        return open_start_ +
               static_cast<std::uint64_t>(
                   static_cast<double>(message) * 1e9 / static_cast<double>(options_.rate)
               );
    }

    void send_due() {
        const std::uint64_t now = now_ns();
        while (intended_time(next_message_) <= now) {
            auto& client = *publishers_[next_message_ % publishers_.size()];
            if (!client.publish(intended_time(next_message_))) ++late_;
            ++next_message_;
        }
    }

    sample take() const {
        sample result;
        result.time = now_ns();
        result.sent = counters_.sent;
        result.acked = counters_.acked;
        result.consumed = counters_.consumed;
        result.finished = counters_.finished;
        if (options_.server != 0) result.server = read_process(options_.server);
        result.self = read_process(getpid());
        return result;
    }

    void measure() {
        open_start_ = now_ns();
        sending_ = true;
        last_progress_ = open_start_;
        run_for(options_.warmup);
        counters_.ack_latency.clear();
        counters_.delivery_latency.clear();
        const sample begin = take();
        run_for(options_.seconds);
        report(begin, take());
    }

    void report(const sample& begin, const sample& end) const {
        const double seconds = static_cast<double>(end.time - begin.time) * 1e-9;
        const std::uint64_t consumed = end.consumed - begin.consumed;
        const std::uint64_t acked = end.acked - begin.acked;
        const bool counts_consumed = sink_ != nullptr || subscriber_ != nullptr;
        const std::uint64_t messages = counts_consumed     ? consumed
                                       : options_.qos != 0 ? acked
                                                           : end.sent - begin.sent;
        const std::uint64_t units =
            options_.mode == load_mode::churn ? end.finished - begin.finished : messages;
        const double server_cpu = end.server.cpu_seconds - begin.server.cpu_seconds;
        const double own_cpu = end.self.cpu_seconds - begin.self.cpu_seconds;
        std::printf("{");
        field("seconds", seconds);
        field("sent", static_cast<double>(end.sent - begin.sent));
        field("acked", static_cast<double>(acked));
        field("consumed", static_cast<double>(consumed));
        field("connects", static_cast<double>(end.finished - begin.finished));
        field("lost_connections", static_cast<double>(counters_.lost));
        field("lost_messages", static_cast<double>(counters_.forgotten));
        field("skipped", static_cast<double>(late_));
        field("rate", static_cast<double>(units) / seconds);
        field(
            "server_cpu_s_per_million",
            units != 0 ? server_cpu * 1e6 / static_cast<double>(units) : 0
        );
        field("server_cpu_share", server_cpu / seconds);
        field("server_rss_bytes", static_cast<double>(end.server.rss_bytes));
        field("generator_cpu_share", own_cpu / seconds);
        latency("ack_us", counters_.ack_latency);
        latency("delivery_us", counters_.delivery_latency);
        std::printf("\"mode\": \"done\"}\n");
    }

    static void field(const char* name, double value) {
        std::printf("\"%s\": %.10g, ", name, value);
    }

    static void latency(const char* name, const histogram& values) {
        const auto at = [&values](double fraction) {
            return static_cast<double>(values.quantile(fraction)) * 1e-3;
        };
        std::printf(
            "\"%s\": {\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}, ",
            name,
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }

    void await_first_messages() {
        if (options_.qos != 0) {
            wait_until(
                [this] { return counters_.acked >= publishers_.size(); }, "the first PUBACKs"
            );
        }
        run_for(2);
    }

    void run_idle() {
        connect_up_to(std::min(options_.baseline, options_.clients));
        await_first_messages();
        const process_stat base = read_process(options_.server);
        const std::uint64_t base_tcp = tcp_memory_bytes();
        const std::uint64_t base_slab = unreclaimable_slab_bytes();
        const std::uint64_t start = now_ns();
        connect_up_to(options_.clients);
        const double ramp = static_cast<double>(now_ns() - start) * 1e-9;
        await_first_messages();
        const process_stat full = read_process(options_.server);
        const auto added = static_cast<double>(options_.clients - options_.baseline);
        const std::uint64_t full_tcp = tcp_memory_bytes();
        const std::uint64_t full_slab = unreclaimable_slab_bytes();
        run_for(options_.seconds);
        const process_stat later = read_process(options_.server);
        const auto per_connection = [added](std::uint64_t from, std::uint64_t to) {
            return (static_cast<double>(to) - static_cast<double>(from)) / added;
        };
        std::printf("{");
        field("connections", options_.clients);
        field("lost_connections", static_cast<double>(counters_.lost));
        field("rss_base_bytes", static_cast<double>(base.rss_bytes));
        field("rss_bytes", static_cast<double>(full.rss_bytes));
        field("bytes_per_connection", per_connection(base.rss_bytes, full.rss_bytes));
        field("tcp_bytes_per_connection", per_connection(base_tcp, full_tcp));
        field("slab_bytes_per_connection", per_connection(base_slab, full_slab));
        field("connects_per_second", added / ramp);
        field("cpu_ms_per_connect", (full.cpu_seconds - base.cpu_seconds) * 1e3 / added);
        field("idle_cpu_share", (later.cpu_seconds - full.cpu_seconds) / options_.seconds);
        std::printf("\"mode\": \"done\"}\n");
    }

    load_options options_;
    poller loop_;
    std::unique_ptr<SSL_CTX, free_tls> tls_;
    connection_context context_;
    load_counters counters_;
    publisher_options publishing_;
    std::unique_ptr<amqp_sink> sink_;
    std::unique_ptr<subscriber> subscriber_;
    std::vector<std::unique_ptr<publisher>> publishers_;
    std::vector<mqtt_connection*> writing_;
    std::uint64_t last_progress_ = 0;
    std::uint64_t open_start_ = 0;
    std::uint64_t next_message_ = 0;
    std::uint64_t late_ = 0;
    bool sending_ = false;
};

}  // namespace
}  // namespace pgw::bench

int main(int argc, char** argv) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const auto options = pgw::bench::parse_load_options(argc, argv);
    pgw::bench::load_run(options).run();
    return 0;
}
