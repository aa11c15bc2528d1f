// Topic names and topic filters (section 4.7), shared subscriptions (4.8.2).
#pragma once

#include "worker/mqtt/errc.hpp"
#include "worker/mqtt/types.hpp"

#include <cstdint>
#include <string_view>

namespace pgw::mqtt {

/// What one pass over a topic name finds.
struct topic_check {
    errc error = errc::ok;     ///< invalid_utf8, or invalid_topic_name for a wildcard.
    std::uint16_t levels = 0;  ///< Separators plus one; 0 for the empty name.
};

/// UTF-8, wildcards and levels of a topic name in one pass. The empty name is not an error here: a
/// topic alias may stand for it. At most max_string_size bytes.
topic_check check_topic_name(std::string_view name) noexcept;

/// Checks a non-empty filter that is valid UTF-8 already. `$share/{name}/{filter}` is looked into
/// for MQTT 5 only.
errc check_topic_filter(std::string_view filter, protocol_version version) noexcept;

/// The filter begins with `$share/`.
bool is_shared(std::string_view filter) noexcept;

/// The filter has a wildcard.
inline bool has_wildcard(std::string_view filter) noexcept {
    return filter.find_first_of("#+") != std::string_view::npos;
}

}  // namespace pgw::mqtt
