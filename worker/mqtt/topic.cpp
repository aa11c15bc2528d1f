// Validation of topic names, filters and shared subscriptions.
#include "worker/mqtt/topic.hpp"

#include "worker/mqtt/utf8.hpp"

namespace pgw::mqtt {
namespace {

constexpr std::string_view share_prefix = "$share/";

/// [MQTT-4.7.1-1]: # is last and alone in its level. [MQTT-4.7.1-2]: + is alone in its level.
bool wildcards_in_place(std::string_view filter) noexcept {
    for (std::size_t i = 0; i < filter.size(); ++i) {
        const char c = filter[i];
        if (c != '#' && c != '+') continue;
        if (i > 0 && filter[i - 1] != '/') return false;
        const bool last = i + 1 == filter.size();
        if (c == '#' ? !last : !last && filter[i + 1] != '/') return false;
    }
    return true;
}

}  // namespace

topic_check check_topic_name(std::string_view name) noexcept {
    if (name.empty()) return {};
    const char* p = name.data();
    const char* const end = p + name.size();
    unsigned levels = 1;
    while (p != end) {
        if (end - p >= 8) {
            const std::uint64_t word = swar::load(p);
            if ((((word - swar::ones) | word) & swar::highs) == 0) {
                if ((swar::equal(word, '#') | swar::equal(word, '+')) != 0) {
                    return {errc::invalid_topic_name, 0};
                }
                levels += swar::count(swar::equal(word, '/'));
                p += 8;
                continue;
            }
        }
        const unsigned length = code_point(p, end);
        if (length == 0) return {errc::invalid_utf8, 0};
        if (*p == '#' || *p == '+') return {errc::invalid_topic_name, 0};
        if (*p == '/') ++levels;
        p += length;
    }
    return {errc::ok, std::uint16_t(levels > 0xFFFF ? 0xFFFF : levels)};
}

bool is_shared(std::string_view filter) noexcept {
    return filter.starts_with(share_prefix);
}

errc check_topic_filter(std::string_view filter, protocol_version version) noexcept {
    if (filter.empty()) return errc::invalid_topic_filter;  // [MQTT-4.7.3-1]
    if (version == protocol_version::v5 && is_shared(filter)) {
        const auto rest = filter.substr(share_prefix.size());
        const auto slash = rest.find('/');
        // [MQTT-4.8.2-1], [MQTT-4.8.2-2]: $share/{ShareName}/{filter}, the name not empty and
        // plain.
        if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size() ||
            has_wildcard(rest.substr(0, slash))) {
            return errc::invalid_topic_filter;
        }
        filter = rest.substr(slash + 1);
    }
    return wildcards_in_place(filter) ? errc::ok : errc::invalid_topic_filter;
}

}  // namespace pgw::mqtt
