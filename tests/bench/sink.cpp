// pgw-sink: the bench's AMQP peer as a program of its own. Prints what it received once a second
// and the total as JSON when it is told to stop.
#include "tests/bench/amqp_sink.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

volatile std::sig_atomic_t stopping = 0;

void on_signal(int /*signal*/) {
    stopping = 1;
}

}  // namespace

int main(int argc, char** argv) {
    pgw::bench::sink_options options;
    bool quiet = false;
    for (int i = 1; i < argc; ++i) {
        const auto value = [&] { return i + 1 < argc ? std::atoll(argv[++i]) : 0LL; };
        if (std::strcmp(argv[i], "--port") == 0) {
            options.port = static_cast<std::uint16_t>(value());
        } else if (std::strcmp(argv[i], "--credit") == 0) {
            options.credit = static_cast<int>(value());
        } else if (std::strcmp(argv[i], "--rate") == 0) {
            options.rate = static_cast<std::uint64_t>(value());
        } else if (std::strcmp(argv[i], "--quiet") == 0) {
            quiet = true;
        } else {
            std::fprintf(
                stderr, "usage: pgw-sink [--port N] [--credit N] [--rate MESSAGES/S] [--quiet]\n"
            );
            return 2;
        }
    }
    std::signal(SIGTERM, on_signal);
    std::signal(SIGINT, on_signal);

    using namespace std::chrono_literals;
    pgw::bench::poller poller;
    pgw::bench::amqp_sink sink(poller, options, [](std::span<const char>) {});
    std::uint64_t last_report = pgw::bench::now_ns();
    std::uint64_t last_count = 0;
    while (stopping == 0) {
        poller.turn(options.rate != 0 ? 5ms : 100ms);
        const std::uint64_t now = pgw::bench::now_ns();
        sink.end_turn(now);
        if (!quiet && now - last_report >= 1'000'000'000u) {
            std::printf("%llu/s\n", static_cast<unsigned long long>(sink.received() - last_count));
            std::fflush(stdout);
            last_count = sink.received();
            last_report = now;
        }
    }
    std::printf(
        "{\"received\": %llu, \"unsettled\": %llu}\n",
        static_cast<unsigned long long>(sink.received()),
        static_cast<unsigned long long>(sink.unsettled())
    );
    return 0;
}
