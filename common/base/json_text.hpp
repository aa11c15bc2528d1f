// Text as JSON strings, for log lines and printed configuration.
#pragma once

#include <string>
#include <string_view>

namespace pgw::base {

/// Appends `text` as a JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become
/// U+FFFD, so that the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

/// The same for people's eyes: U+0080 to U+009F and characters that are invisible or change the
/// direction of others are escaped too. What a peer sends can then neither command a terminal nor
/// make a line look like another one.
void append_visible_string(std::string& out, std::string_view text);

/// The length of the well-formed UTF-8 sequence (RFC 3629) at the start of `text`, 0 if there is
/// none.
std::size_t utf8_sequence_length(std::string_view text) noexcept;

}  // namespace pgw::base
