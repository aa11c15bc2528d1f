// The load generator's command line.
#include "tests/bench/load_options.hpp"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

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

template <class Number>
Number number(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || value < 0) usage("not a number: " + text);
    return static_cast<Number>(value);
}

load_mode mode_named(const std::string& name) {
    if (name == "closed") return load_mode::closed;
    if (name == "open") return load_mode::open;
    if (name == "idle") return load_mode::idle;
    if (name == "churn") return load_mode::churn;
    if (name == "subscribe") return load_mode::subscribe;
    usage("no such mode: " + name);
}

}  // namespace

load_options parse_load_options(int argc, char** argv) {
    load_options o;
    using setter = std::function<void(const std::string&)>;
    const std::map<std::string_view, setter> settings{
        {"--mode", [&](const auto& v) { o.mode = mode_named(v); }},
        {"--host", [&](const auto& v) { o.host = v; }},
        {"--port", [&](const auto& v) { o.port = number<std::uint16_t>(v); }},
        {"--clients", [&](const auto& v) { o.clients = number<std::uint32_t>(v); }},
        {"--window", [&](const auto& v) { o.window = number<std::uint32_t>(v); }},
        {"--qos", [&](const auto& v) { o.qos = number<std::uint32_t>(v); }},
        {"--size", [&](const auto& v) { o.size = number<std::uint32_t>(v); }},
        {"--topic", [&](const auto& v) { o.topic = v; }},
        {"--rate", [&](const auto& v) { o.rate = number<std::uint64_t>(v); }},
        {"--warmup", [&](const auto& v) { o.warmup = number<double>(v); }},
        {"--seconds", [&](const auto& v) { o.seconds = number<double>(v); }},
        {"--connecting", [&](const auto& v) { o.connecting = number<std::uint32_t>(v); }},
        {"--baseline", [&](const auto& v) { o.baseline = number<std::uint32_t>(v); }},
        {"--sink-port", [&](const auto& v) { o.sink_port = number<std::uint16_t>(v); }},
        {"--sink-source", [&](const auto& v) { o.sink_source = v; }},
        {"--sink-credit", [&](const auto& v) { o.sink_credit = number<int>(v); }},
        {"--sink-rate", [&](const auto& v) { o.sink_rate = number<std::uint64_t>(v); }},
        {"--subscribe", [&](const auto& v) { o.subscribe = v; }},
        {"--server", [&](const auto& v) { o.server = number<pid_t>(v); }},
    };
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--tls") {
            o.tls = true;
        } else if (name == "--free-run") {
            o.free_run = true;
        } else if (const auto found = settings.find(name); found == settings.end()) {
            usage("no such option: " + std::string(name));
        } else if (++i == argc) {
            usage("no value for " + std::string(name));
        } else {
            found->second(argv[i]);
        }
    }
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
