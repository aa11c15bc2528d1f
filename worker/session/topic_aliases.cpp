// The table of topic aliases.
#include "worker/session/topic_aliases.hpp"

namespace pgw::session {

bool topic_aliases::set(
    std::uint16_t alias,
    std::uint16_t maximum,
    std::string_view topic,
    std::uint16_t levels,
    std::size_t max_bytes
) {
    if (!table_) {
        table_ = std::make_unique<table>();
        table_->entries.resize(maximum);
    }
    auto& entry = table_->entries[alias - 1u];
    const std::size_t bytes = table_->bytes - entry.topic.size() + topic.size();
    if (bytes > max_bytes) return false;
    if (entry.topic != topic) entry.topic = topic;
    entry.levels = levels;
    table_->bytes = bytes;
    return true;
}

const topic_aliases::aliased* topic_aliases::find(std::uint16_t alias) const noexcept {
    if (!table_ || alias == 0 || alias > table_->entries.size()) return nullptr;
    const auto& entry = table_->entries[alias - 1u];
    return entry.topic.empty() ? nullptr : &entry;
}

}  // namespace pgw::session
