// Any text: reading never crashes, and what is read prints to a manifest that reads to the same.
#include "common/manifest/generate/print.hpp"
#include "common/manifest/read/read.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto first = pgw::manifest::read_manifest(text);
    if (const auto* gateway = std::get_if<pgw::manifest::gateway>(&first)) {
        const auto printed = pgw::manifest::print_manifest(*gateway);
        const auto second = pgw::manifest::read_manifest(printed);
        if (!std::holds_alternative<pgw::manifest::gateway>(second)) std::abort();
        if (pgw::manifest::print_manifest(std::get<pgw::manifest::gateway>(second)) != printed)
            std::abort();
    }
    return 0;
}
