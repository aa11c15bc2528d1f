// What the table of profiles promises.
#include "worker/amqp/profile.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgw::amqp {
namespace {

TEST(profile_test, every_upstream_type_has_its_own_and_retries_a_full_queue) {
    using enum manifest::upstream_type;
    EXPECT_EQ(profile_of(embedded).name, "Embedded");
    EXPECT_EQ(profile_of(generic).name, "Generic");
    EXPECT_EQ(profile_of(artemis).name, "Artemis");
    EXPECT_EQ(profile_of(rabbitmq).name, "RabbitMQ");
    for (const auto type : {embedded, generic, artemis, rabbitmq}) {
        const auto conditions = profile_of(type).retryable_conditions;
        EXPECT_TRUE(
            std::ranges::find(conditions, "amqp:resource-limit-exceeded") != conditions.end()
        );
        EXPECT_EQ(profile_of(type).links_per_session, 1000u);
    }
}

TEST(profile_test, rabbitmq_ends_sessions_with_a_bad_attach) {
    const auto& rabbit = profile_of(manifest::upstream_type::rabbitmq);
    EXPECT_TRUE(rabbit.bad_attach_ends_session);
}

}  // namespace
}  // namespace pgw::amqp
