// The decoder in all versions: never a crash, and what it accepts can be encoded.
#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/encode.hpp"

#include <cstdlib>

namespace mqtt = pgw::mqtt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using enum mqtt::protocol_version;
    mqtt::decode_buffers buffers;
    std::vector<std::byte> out;
    for (const auto version : {v3_1, v3_1_1, v5}) {
        auto rest = std::as_bytes(std::span(data, size));
        for (;;) {
            const auto frame = mqtt::next_frame(rest, 1 << 20);
            if (frame.status != mqtt::frame_status::complete) break;
            const mqtt::decode_limits limits{.max_user_properties = 8, .max_filters = 8};
            const auto packet = mqtt::decode(frame, version, limits, buffers);
            mqtt::answer_form(frame.body);
            out.clear();
            if (packet && mqtt::encode(*packet, version, out) != mqtt::errc::ok) std::abort();
            if (!packet && mqtt::name(mqtt::to_reason(packet.error())) == "unknown") std::abort();
            if (!packet && *mqtt::describe(packet.error()) == 0) std::abort();
            rest = rest.subspan(frame.total);
        }
    }
    return 0;
}
