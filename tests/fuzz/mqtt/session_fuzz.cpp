// Bytes into a session whose publisher answers as a generator seeded by the input says.
#include "tests/fuzz/mqtt/checked_session.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    pgw::session::checked_session session(std::uint32_t(data[0]) << 8 | data[1]);
    auto input = std::as_bytes(std::span(data + 2, size - 2));
    for (int idle = 0; idle < 8 && session.open();) {
        const auto piece = input.first(std::min(input.size(), session.random(64) + 1));
        input = input.subspan(piece.size());
        session.feed(piece);
        session.disturb();
        session.check();
        idle = input.empty() ? idle + 1 : 0;
    }
    return 0;
}
