// Topics that have a meaning of their own to the MQTT adapter.
#pragma once

#include <string_view>

namespace pgw::session {

/// Below $SYS/ brokers tell each other about themselves. A bridge publishes its state there and
/// would reconnect for ever if it were refused; no back end is meant.
inline bool is_system_topic(std::string_view topic) noexcept {
    return topic.starts_with("$SYS/");
}

}  // namespace pgw::session
