// Any text as a topic template and as a value template.
#include "common/spec/topic_template.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto topic = pgw::spec::parse_topic_template(text);
    if (const auto* parsed = std::get_if<pgw::spec::topic_template>(&topic)) {
        if (parsed->levels.empty()) std::abort();
    } else if (std::get<pgw::spec::template_error>(topic).offset > size) {
        std::abort();
    }
    const auto value = pgw::spec::parse_value_template(text);
    if (const auto* parsed = std::get_if<pgw::spec::value_template>(&value)) {
        if (parsed->is_constant() != parsed->variables().empty()) std::abort();
    }
    return 0;
}
