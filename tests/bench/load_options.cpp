// The load generator's command line.
#include "tests/bench/load_options.hpp"

#include "common/base/command_line.hpp"

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pgw::bench {

namespace {

[[noreturn]] void usage(const std::string& problem) {
    std::fprintf(stderr, "pgw-loadgen: %s\n", problem.c_str());
    std::fputs(
        "usage: pgw-loadgen [--mode closed|open|idle|churn|subscribe] [--host A.B.C.D] [--port N]\n"
        "    [--clients N] [--window N] [--qos 0|1] [--size BYTES] [--topic T with {n}] [--rate "
        "N]\n"
        "    [--warmup S] [--seconds S] [--connecting N] [--baseline N] [--sink-port N]\n"
        "    [--sink-source TOPIC] [--sink-credit N] [--sink-rate N] [--subscribe FILTER] "
        "[--server PID] [--tls]\n"
        "    [--free-run]\n",
        stderr
    );
    std::exit(2);
}

std::string take_mode(std::string_view name, load_mode& out) {
    const std::pair<std::string_view, load_mode> modes[] = {
        {"closed", load_mode::closed},
        {"open", load_mode::open},
        {"idle", load_mode::idle},
        {"churn", load_mode::churn},
        {"subscribe", load_mode::subscribe},
    };
    for (const auto& [text, mode] : modes) {
        if (name != text) continue;
        out = mode;
        return {};
    }
    return "is not a mode";
}

std::string take_seconds(std::string_view text, double& out) {
    const auto seconds = base::parse_number<double>(text);
    if (!seconds || *seconds < 0) return "is not a number of seconds";
    out = *seconds;
    return {};
}

}  // namespace

load_options parse_load_options(int argc, char** argv) {
    load_options o;
    base::command_line line;
    const auto count = [&](std::string_view name, auto& target) {
        using integer = std::remove_reference_t<decltype(target)>;
        constexpr auto most = std::numeric_limits<integer>::max();
        line.number<integer>(
            name, 0, std::cmp_less(most, 1'000'000'000) ? most : integer{1'000'000'000}, target
        );
    };
    count("--clients", o.clients);
    count("--window", o.window);
    count("--qos", o.qos);
    count("--size", o.size);
    count("--rate", o.rate);
    count("--connecting", o.connecting);
    count("--baseline", o.baseline);
    count("--sink-credit", o.sink_credit);
    count("--sink-rate", o.sink_rate);
    count("--server", o.server);
    line.value("--mode", [&](auto v) { return take_mode(v, o.mode); })
        .text("--host", o.host)
        .port("--port", o.port)
        .text("--topic", o.topic)
        .value("--warmup", [&](auto v) { return take_seconds(v, o.warmup); })
        .value("--seconds", [&](auto v) { return take_seconds(v, o.seconds); })
        .port("--sink-port", o.sink_port)
        .text("--sink-source", o.sink_source)
        .text("--subscribe", o.subscribe)
        .flag("--tls", o.tls)
        .flag("--free-run", o.free_run);
    const auto parsed = line.parse({argv + 1, argv + argc});
    if (parsed.what != base::command_line::verdict::run) usage(parsed.problem);
    if (o.qos > 1) usage("--qos is 0 or 1");
    if (o.size < 16) usage("--size is at least 16");
    if (o.window == 0 || o.window > 60'000) usage("--window is 1 to 60000");
    if (o.mode == load_mode::open && o.rate == 0) usage("--mode open needs --rate");
    if (o.mode == load_mode::subscribe && o.subscribe.empty()) {
        usage("--mode subscribe needs --subscribe");
    }
    if (o.mode == load_mode::closed && o.qos == 0 && o.sink_port == 0 && o.subscribe.empty()) {
        o.free_run = true;  // nobody tells what arrived
    }
    return o;
}

}  // namespace pgw::bench
