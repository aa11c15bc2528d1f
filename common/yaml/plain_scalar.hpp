// What a scalar without quotes is to the YAML 1.1 readers that Kubernetes has: more than text.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgw::yaml {

enum class plain_type : std::uint8_t {
    text,
    boolean,  ///< true or false, also True and TRUE.
    integer,  ///< As JSON has it, in 64 bits with sign.
    number,   ///< As JSON has it, finite.
    unclear,  ///< No text to every reader, or not the same to all: yes, 0x10, 1_000, 010, .inf.
};

plain_type classify_plain(std::string_view text);

}  // namespace pgw::yaml
