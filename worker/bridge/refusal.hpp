// AMQP outcome → what it means for a publication. The one switch that docs/mapping.md describes.
#pragma once

#include "worker/amqp/link.hpp"
#include "worker/amqp/profile.hpp"
#include "worker/bridge/message.hpp"

namespace pgw::bridge {

enum class disposition : std::uint8_t {
    accept,  ///< The upstream took responsibility.
    retry,   ///< Send it again, within limits.
    refuse,  ///< It will never be taken as it is.
};

struct verdict {
    bridge::disposition disposition = disposition::retry;
    bridge::refusal refusal = refusal::none;
};

/// Only an explicit `accepted` accepts. `rejected` refuses unless the profile knows the condition
/// as "not now".
verdict judge(const amqp::outcome& outcome, const amqp::profile& profile) noexcept;

/// The class of a rejected condition.
refusal refusal_of(std::string_view condition) noexcept;

}  // namespace pgw::bridge
