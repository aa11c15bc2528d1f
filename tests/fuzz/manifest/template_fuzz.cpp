// Any text as a topic template and as a value template.
#include "common/manifest/text/topic_template.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto topic = pgw::manifest::parse_topic_template(text);
    if (const auto* parsed = std::get_if<pgw::manifest::topic_template>(&topic)) {
        if (parsed->levels.empty()) std::abort();
    } else if (std::get<pgw::manifest::template_error>(topic).offset > size) {
        std::abort();
    }
    const auto value = pgw::manifest::parse_value_template(text);
    if (const auto* parsed = std::get_if<pgw::manifest::value_template>(&value)) {
        if (parsed->is_constant() != parsed->variables().empty()) std::abort();
    }
    return 0;
}
