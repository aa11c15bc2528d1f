// The topic aliases a client has set (MQTT 5 section 3.3.2.3.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::session {

/// Allocates at the first alias; its memory is bounded by the number of aliases and `max_bytes`.
class topic_aliases {
public:
    struct aliased {
        std::string topic;  ///< Empty: not set.
        std::uint16_t levels = 0;
    };

    /// Sets or replaces an alias between 1 and `maximum`. False: the topics together would exceed
    /// `max_bytes`.
    bool set(
        std::uint16_t alias,
        std::uint16_t maximum,
        std::string_view topic,
        std::uint16_t levels,
        std::size_t max_bytes
    );
    /// The alias' topic, or null when it was not set.
    const aliased* find(std::uint16_t alias) const noexcept;
    void clear() noexcept { table_.reset(); }
    /// What it takes: the table and the topics.
    std::size_t bytes() const noexcept {
        return table_ ? table_->bytes + table_->entries.size() * sizeof(aliased) : 0;
    }

private:
    struct table {
        std::vector<aliased> entries;
        std::size_t bytes = 0;
    };
    std::unique_ptr<table> table_;
};

}  // namespace pgw::session
