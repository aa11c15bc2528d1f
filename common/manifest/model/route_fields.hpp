// The field tables of which publications go where.
#pragma once

#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/schema.hpp"

namespace pgw::manifest {

template <>
struct enum_table<on_refused_type> {
    static constexpr std::array rows{
        enum_name<on_refused_type>{
            on_refused_type::disconnect, "Disconnect", "the client is disconnected"
        },
        enum_name<on_refused_type>{
            on_refused_type::dead_letter,
            "DeadLetter",
            "the message is sent to `deadLetter.address` and acknowledged when it is accepted there"
        },
        enum_name<on_refused_type>{
            on_refused_type::discard,
            "Discard",
            "the message is acknowledged and dropped: the one exception to \"acknowledged means "
            "accepted\""
        }
    };
};

template <>
struct enum_table<ordering> {
    static constexpr std::array rows{
        enum_name<ordering>{
            ordering::relaxed,
            "Relaxed",
            "many messages of a client are in flight; they are sent in order"
        },
        enum_name<ordering>{
            ordering::strict,
            "Strict",
            "one message of a client is in flight, so that no retry can overtake"
        }
    };
};

template <>
struct enum_table<unmatched_policy> {
    static constexpr std::array rows{
        enum_name<unmatched_policy>{
            unmatched_policy::refuse,
            "Refuse",
            "the publication is refused: MQTT 5 gets a reason code, MQTT 3.1.1 is disconnected"
        },
        enum_name<unmatched_policy>{
            unmatched_policy::discard, "Discard", "the publication is acknowledged and dropped"
        }
    };
};

template <>
struct schema<on_refused> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"type", "What a client that cannot be told of a refusal gets."},
            &on_refused::type,
            no_rule{}
        );
        view.group(
            field_info{"deadLetter", "Where refused messages go.", true},
            [](auto& group) {
                group.field(
                    field_info{
                        "address", "An address of the same upstream. A value template.", true
                    },
                    &on_refused::dead_letter_address,
                    text_rule{text_kind::value_template}
                );
            },
            only_for<on_refused, on_refused_type>{&on_refused::type, on_refused_type::dead_letter}
        );
    }
};

template <>
struct schema<publish_route> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"name", "Names the route in logs and metrics.", true},
            &publish_route::name,
            text_rule{text_kind::label}
        );
        view.group(field_info{"match", "Which publications it takes.", true}, [](auto& group) {
            group.field(
                field_info{"topic", "A topic template; see above.", true},
                &publish_route::match_topic,
                text_rule{text_kind::topic_template}
            );
        });
        view.group(field_info{"to", "Where they go.", true}, [](auto& group) {
            group.field(
                field_info{"upstream", "The name of an upstream.", true},
                &publish_route::upstream,
                text_rule{text_kind::label}
            );
            group.field(
                field_info{
                    "address",
                    "The AMQP address. A value template. With variables the upstream must offer "
                    "the "
                    "anonymous terminus, so not `RabbitMQ`.",
                    true
                },
                &publish_route::address,
                text_rule{text_kind::value_template}
            );
            group.field(
                field_info{"subject", "The message's subject. A value template. Empty: none."},
                &publish_route::subject,
                text_rule{text_kind::value_template}
            );
            group.field(
                field_info{
                    "properties",
                    "Application properties: names and value templates. Names that begin with "
                    "`mqtt-` or `x-opt-` are the gateway's own."
                },
                &publish_route::properties,
                map_rule{map_kind::properties, 64}
            );
        });
        view.field(
            field_info{
                "onRefused",
                "What happens when the upstream refuses a message for good and the client speaks "
                "MQTT 3.1.1, which cannot be told."
            },
            &publish_route::on_refused,
            no_rule{}
        );
        view.field(
            field_info{"ordering", "How much of a client's stream may be in flight."},
            &publish_route::ordering,
            no_rule{}
        );
    }
};

template <>
struct schema<routes> {
    static constexpr bool is_described = true;
    static void describe(auto& view) {
        view.field(
            field_info{"publish", "Publications of devices. The first route that matches wins."},
            &routes::publish,
            list_rule<no_rule>{0, 256, {}}
        );
        view.group(field_info{"unmatched", "Publications that no route matches."}, [](auto& group) {
            group.field(field_info{"type", "What becomes of them."}, &routes::unmatched, no_rule{});
        });
    }
};

}  // namespace pgw::manifest
