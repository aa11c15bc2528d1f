// The outcome table.
#include "worker/bridge/refusal.hpp"

#include <algorithm>

namespace pgw::bridge {

refusal refusal_of(std::string_view condition) noexcept {
    if (condition == "amqp:unauthorized-access") return refusal::not_authorized;
    if (condition == "amqp:not-found") return refusal::no_route;
    if (condition == "amqp:resource-limit-exceeded" ||
        condition == "amqp:link:message-size-exceeded") {
        return refusal::quota;
    }
    if (condition == "amqp:decode-error") return refusal::payload_format;
    if (condition.empty()) return refusal::unspecified;
    return refusal::implementation;
}

verdict judge(const amqp::outcome& outcome, const amqp::profile& profile) noexcept {
    switch (outcome.kind) {
        case amqp::outcome_kind::accepted:
            return {disposition::accept, refusal::none};
        case amqp::outcome_kind::rejected: {
            const auto& retryable = profile.retryable_conditions;
            if (std::find(retryable.begin(), retryable.end(), outcome.condition) !=
                retryable.end()) {
                return {disposition::retry, refusal::quota};
            }
            return {disposition::refuse, refusal_of(outcome.condition)};
        }
        case amqp::outcome_kind::modified:
            if (outcome.undeliverable_here) return {disposition::refuse, refusal::implementation};
            return {disposition::retry, refusal::unspecified};
        case amqp::outcome_kind::released:
        case amqp::outcome_kind::none:
        case amqp::outcome_kind::unknown:
            break;
    }
    return {disposition::retry, refusal::unspecified};
}

}  // namespace pgw::bridge
