// Any text: reading never crashes, and what is read prints to a manifest that reads to the same.
#include "common/spec/read.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto first = pgw::spec::read_manifest(text);
    if (const auto* gateway = std::get_if<pgw::spec::gateway>(&first)) {
        const auto printed = pgw::spec::print_manifest(*gateway);
        const auto second = pgw::spec::read_manifest(printed);
        if (!std::holds_alternative<pgw::spec::gateway>(second)) std::abort();
        if (pgw::spec::print_manifest(std::get<pgw::spec::gateway>(second)) != printed)
            std::abort();
    }
    return 0;
}
