// Text as JSON strings, for log lines and printed configuration.
#pragma once

#include <string>
#include <string_view>

namespace pgw::base {

/// Appends `text` as a JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become
/// U+FFFD, so that the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

/// The length of the well-formed UTF-8 sequence (RFC 3629) at the start of `text`, 0 if there is
/// none.
std::size_t utf8_sequence_length(std::string_view text) noexcept;

}  // namespace pgw::base
