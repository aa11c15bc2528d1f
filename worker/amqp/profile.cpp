#include "worker/amqp/profile.hpp"

#include <algorithm>
#include <array>

namespace pgw::amqp {

namespace {

// The one condition every broker uses for "full for now": Artemis' address-full policy FAIL, a
// quota, our embedded broker's bounds. [2.8.15] "the peer exceeded its resource allocation".
constexpr std::array<std::string_view, 1> common_retryable{"amqp:resource-limit-exceeded"};

// Peers behind `Generic` may be a cloud service: Service Bus and Event Hubs throttle with these.
constexpr std::array<std::string_view, 4> generic_retryable{
    "amqp:resource-limit-exceeded",
    "com.microsoft:server-busy",
    "com.microsoft:timeout",
    "com.microsoft:container-close",
};

constexpr profile embedded{
    .name = "Embedded",
    .bad_attach_ends_session = false,
    .links_per_session = 1000,
    .retryable_conditions = common_retryable,
};
constexpr profile generic{
    .name = "Generic",
    .bad_attach_ends_session = false,
    .links_per_session = 1000,
    .retryable_conditions = generic_retryable,
};
constexpr profile artemis{
    .name = "Artemis",
    .bad_attach_ends_session = false,
    .links_per_session = 1000,
    .retryable_conditions = common_retryable,
};
// RabbitMQ 3.10 sends no `rejected` for a full queue: with x-overflow reject-publish it ends the
// connection. So only the common condition is listed.
constexpr profile rabbitmq{
    .name = "RabbitMQ",
    .bad_attach_ends_session = true,
    .links_per_session = 1000,
    .retryable_conditions = common_retryable,
};

}  // namespace

// Named is what says that the peer, the node or the link goes for a reason of its own; any other
// error, a vendor's too, may be about what was sent last. [2.8.15-18, 3.5.10]
bool may_blame_a_delivery(std::string_view condition) noexcept {
    constexpr std::array<std::string_view, 8> administrative{
        "amqp:connection:forced",
        "amqp:connection:redirect",
        "amqp:link:detach-forced",
        "amqp:link:redirect",
        "amqp:link:stolen",
        "amqp:resource-deleted",
        "amqp:resource-locked",
        "com.microsoft:container-close",
    };
    return !condition.empty() &&
           std::find(administrative.begin(), administrative.end(), condition) ==
               administrative.end();
}

const profile& profile_of(manifest::upstream_type type) noexcept {
    switch (type) {
        case manifest::upstream_type::embedded:
            return embedded;
        case manifest::upstream_type::artemis:
            return artemis;
        case manifest::upstream_type::rabbitmq:
            return rabbitmq;
        case manifest::upstream_type::generic:
            break;
    }
    return generic;
}

}  // namespace pgw::amqp
