// Arbitrary bytes as an AMQP message, a value and a frame stream.
#include "worker/amqp/decoding.hpp"
#include "worker/amqp/frame_guard.hpp"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace pgw;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = std::as_bytes(std::span(data, size));
    amqp::section_reader sections(input);
    std::size_t walked = 0;
    while (const auto section = sections.next()) {
        walked += section->encoded.size();
        if (section->kind == amqp::section::properties) amqp::read_to(section->value);
        if (const auto header = amqp::read_header(section->value)) {
            std::vector<std::byte> out(64);
            amqp::writer writer(out);
            amqp::write_header(writer, *header);
            if (writer.overflowed()) std::abort();
        }
    }
    if (walked > size || (!sections.malformed() && walked != size)) std::abort();
    amqp::value_reader values(input);
    while (values.read_scalar() || values.read_list() || values.read_map() || values.skip()) {
    }
    amqp::nesting_within(input, 24);
    // However the stream is cut, the verdict is the same.
    amqp::frame_guard whole(65536);
    std::vector<std::byte> bytes(input.begin(), input.end());
    const bool bad = !whole.check(bytes).problem.empty();
    amqp::frame_guard cut(65536);
    bool cut_bad = false;
    std::vector<std::byte> kept;
    for (std::size_t i = 0; i < size && !cut_bad; i += 7) {
        const auto piece = input.subspan(i, std::min<std::size_t>(7, size - i));
        kept.insert(kept.end(), piece.begin(), piece.end());
        const auto verdict = cut.check(kept);
        cut_bad = !verdict.problem.empty();
        kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(verdict.pass));
    }
    if (bad != cut_bad) std::abort();
    return 0;
}
