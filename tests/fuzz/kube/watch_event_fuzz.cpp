// Lines of JSON as the events of a watch, and as the bodies of answers: an error event has a
// status, and the machine always knows what to do next.
#include "common/kube/status.hpp"
#include "common/kube/watch_event.hpp"
#include "common/kube/watch_machine.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    pgw::kube::watch_machine machine;
    const pgw::base::time_point now{};
    machine.start();
    machine.on_listed("1", now, 0);
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        pgw::kube::to_string(pgw::kube::error_from_answer(500, line, line));
        boost::system::error_code failed;
        auto value = boost::json::parse(line, failed);
        if (failed || !value.is_object()) continue;
        auto event = pgw::kube::decode_watch_event(std::move(value.get_object()));
        const bool is_error = event.type == "ERROR";
        if (is_error != event.status.has_value()) std::abort();
        const auto verdict =
            machine.on_event(event.type, event.resource_version, std::move(event.status));
        if (is_error != (verdict == pgw::kube::event_verdict::ends)) std::abort();
        if (!is_error) continue;
        const auto step = machine.on_stream_end(nullptr, now, 7);
        if (!std::holds_alternative<pgw::kube::wait_action>(step)) std::abort();
        if (std::holds_alternative<pgw::kube::end_action>(machine.on_waited(now, 7))) std::abort();
        machine.on_listed("2", now, 0);
    }
    return 0;
}
