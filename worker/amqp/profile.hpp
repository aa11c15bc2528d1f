// What each kind of upstream can do, as a table, where it does not say so itself when connecting.
#pragma once

#include "common/manifest/model/gateway.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace pgw::amqp {

struct profile {
    std::string_view name;
    bool bad_attach_ends_session;  ///< A refused attach ends the whole session, so links with
                                   ///< variable addresses get their own.
    std::uint32_t links_per_session;
    /// Conditions of `rejected` that mean "not now": retried with backoff instead of refused.
    std::span<const std::string_view> retryable_conditions;
};

/// Whether an error that a peer ends a link, a session or a connection with may be about a delivery,
/// and not about the peer itself.
bool may_blame_a_delivery(std::string_view condition) noexcept;

const profile& profile_of(manifest::upstream_type type) noexcept;

}  // namespace pgw::amqp
