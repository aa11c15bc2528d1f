// The sample packets.
#include "tests/unit/mqtt/samples.hpp"

#include "worker/mqtt/encode.hpp"

namespace pgw::mqtt::samples {
namespace {

using base::as_bytes;
constexpr auto v3 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

const user_property properties[] = {{"key", "one"}, {"key", "two"}, {"", ""}, {"ké", "värde"}};
const subscription subscriptions[] = {
    {"a/+/b", qos::at_most_once, false, false, retain_handling::send},
    {"#", qos::at_least_once, true, true, retain_handling::send_if_new},
    {"$share/group/x/#", qos::exactly_once, false, true, retain_handling::do_not_send},
};
const subscription subscriptions_v3[] = {{"a/+/b", qos::at_most_once}, {"#", qos::exactly_once}};
const std::string_view filters[] = {"a/+/b", "#", "$share/group/x"};
const reason_code suback_reasons[] = {
    reason_code::success,
    reason_code::granted_qos_1,
    reason_code::granted_qos_2,
    reason_code::wildcard_subscriptions_not_supported,
};
const reason_code suback_reasons_v3[] = {
    reason_code::success, reason_code::granted_qos_2, reason_code::unspecified_error
};
const reason_code unsuback_reasons[] = {reason_code::success, reason_code::no_subscription_existed};
const std::uint32_t subscription_identifiers[] = {1, 128, max_variable_integer};

connect full_connect() {
    connect p;
    p.keep_alive = 60;
    p.client_id = "device-1";
    p.properties = {
        .session_expiry_interval = 3600,
        .receive_maximum = 10,
        .maximum_packet_size = 65536,
        .topic_alias_maximum = 5,
        .request_response_information = true,
        .request_problem_information = false,
        .authentication_method = "SCRAM-SHA-256",
        .authentication_data = as_bytes("data"),
        .user_properties = properties,
    };
    p.user_name = "user";
    p.password = as_bytes("secret");
    p.will = will{
        .topic = "wills/device-1",
        .payload = as_bytes("gone"),
        .qos = qos::at_least_once,
        .retain = true,
        .properties =
            {.will_delay_interval = 5,
             .payload_format_indicator = true,
             .message_expiry_interval = 60,
             .content_type = "text/plain",
             .response_topic = "answers/1",
             .correlation_data = as_bytes("c-1"),
             .user_properties = properties},
    };
    return p;
}

connect connect_of(protocol_version version) {
    connect p;
    p.version = version;
    p.client_id = "c";
    p.keep_alive = 10;
    return p;
}

connect connect_v3_with_will() {
    auto p = connect_of(v3);
    p.clean_start = false;
    p.will = will{.topic = "w", .payload = as_bytes("x"), .qos = qos::exactly_once};
    p.user_name = "user";
    p.password = as_bytes("secret");
    return p;
}

connack full_connack() {
    connack p;
    p.session_present = true;
    p.properties = {
        .session_expiry_interval = 0,
        .receive_maximum = 64,
        .maximum_qos = std::uint8_t(1),
        .retain_available = true,
        .maximum_packet_size = 262144,
        .assigned_client_identifier = "assigned",
        .topic_alias_maximum = 32,
        .reason_string = "fine",
        .wildcard_subscription_available = false,
        .subscription_identifier_available = false,
        .shared_subscription_available = false,
        .server_keep_alive = 30,
        .response_information = "r/",
        .server_reference = "other:1883",
        .authentication_method = "SCRAM-SHA-256",
        .authentication_data = as_bytes("data"),
        .user_properties = properties,
    };
    return p;
}

publish plain_publish(mqtt::qos level) {
    publish p;
    p.qos = level;
    p.packet_id = level == qos::at_most_once ? std::uint16_t(0) : std::uint16_t(0x1234);
    p.topic = "sensors/room-1/temperature";
    p.payload = as_bytes("21.5");
    return p;
}

publish full_publish() {
    auto p = plain_publish(qos::exactly_once);
    p.dup = true;
    p.retain = true;
    p.properties = {
        .payload_format_indicator = true,
        .message_expiry_interval = 120,
        .topic_alias = 3,
        .response_topic = "answers/1",
        .correlation_data = as_bytes(std::string_view("\0\1\2", 3)),
        .content_type = "text/plain",
        .subscription_identifiers = subscription_identifiers,
        .user_properties = properties,
    };
    return p;
}

publish alias_only() {
    publish p;
    p.properties.topic_alias = 7;
    return p;
}

template <class Ack>
Ack ack(reason_code reason, bool with_properties) {
    Ack p;
    p.packet_id = 513;
    p.reason = reason;
    if (with_properties) {
        p.properties = {.reason_string = "because", .user_properties = properties};
    }
    return p;
}

disconnect full_disconnect() {
    disconnect p;
    p.reason = reason_code::use_another_server;
    p.properties = {
        .session_expiry_interval = 10,
        .reason_string = "because",
        .server_reference = "other",
        .user_properties = properties,
    };
    return p;
}

auth full_auth() {
    auth p;
    p.reason = reason_code::continue_authentication;
    p.properties = {
        .authentication_method = "m",
        .authentication_data = as_bytes("d"),
        .reason_string = "because",
        .user_properties = properties,
    };
    return p;
}

std::vector<sample> make() {
    std::vector<sample> list{
        {"connect_3_1", protocol_version::v3_1, connect_of(protocol_version::v3_1)},
        {"connect_3_1_1", v3, connect_of(v3)},
        {"connect_3_1_1_will", v3, connect_v3_with_will()},
        {"connect_5", v5, connect_of(v5)},
        {"connect_5_full", v5, full_connect()},
        {"connack_3_1_1", v3, connack{.session_present = true}},
        {"connack_3_1_1_refused", v3, connack{.return_code = connect_return_code::not_authorized}},
        {"connack_5", v5, connack{}},
        {"connack_5_refused", v5, connack{.reason = reason_code::not_authorized}},
        {"connack_5_full", v5, full_connack()},
        {"publish_5_full", v5, full_publish()},
        {"publish_5_alias", v5, alias_only()},
        {"subscribe_3_1_1", v3, subscribe{.packet_id = 1, .subscriptions = subscriptions_v3}},
        {"subscribe_5", v5, subscribe{.packet_id = 1, .subscriptions = subscriptions}},
        {"subscribe_5_full",
         v5,
         subscribe{
             .packet_id = 1,
             .properties = {.subscription_identifier = 300, .user_properties = properties},
             .subscriptions = subscriptions
         }},
        {"suback_3_1_1", v3, suback{.packet_id = 1, .reasons = suback_reasons_v3}},
        {"suback_5",
         v5,
         suback{
             .packet_id = 1,
             .properties = {.reason_string = "because", .user_properties = properties},
             .reasons = suback_reasons
         }},
        {"unsubscribe_3_1_1", v3, unsubscribe{.packet_id = 2, .filters = filters}},
        {"unsubscribe_5",
         v5,
         unsubscribe{
             .packet_id = 2, .properties = {.user_properties = properties}, .filters = filters
         }},
        {"unsuback_3_1_1", v3, unsuback{.packet_id = 2}},
        {"unsuback_5",
         v5,
         unsuback{
             .packet_id = 2,
             .properties = {.reason_string = "because", .user_properties = properties},
             .reasons = unsuback_reasons
         }},
        {"pingreq", v3, pingreq{}},
        {"pingresp", v5, pingresp{}},
        {"disconnect_3_1_1", v3, disconnect{}},
        {"disconnect_5", v5, disconnect{}},
        {"disconnect_5_reason", v5, disconnect{.reason = reason_code::disconnect_with_will}},
        {"disconnect_5_full", v5, full_disconnect()},
        {"auth_5", v5, auth{}},
        {"auth_5_full", v5, full_auth()},
    };
    for (const auto version : {v3, v5}) {
        const std::string suffix = version == v3 ? "_3_1_1" : "_5";
        for (const auto level : {qos::at_most_once, qos::at_least_once, qos::exactly_once}) {
            list.push_back(
                {"publish_qos" + std::to_string(int(level)) + suffix, version, plain_publish(level)}
            );
        }
        list.push_back({"puback" + suffix, version, ack<puback>({}, false)});
        list.push_back({"pubrec" + suffix, version, ack<pubrec>({}, false)});
        list.push_back({"pubrel" + suffix, version, ack<pubrel>({}, false)});
        list.push_back({"pubcomp" + suffix, version, ack<pubcomp>({}, false)});
    }
    for (const bool full : {false, true}) {
        const std::string suffix = full ? "_5_full" : "_5_reason";
        list.push_back({"puback" + suffix, v5, ack<puback>(reason_code::quota_exceeded, full)});
        list.push_back({"pubrec" + suffix, v5, ack<pubrec>(reason_code::not_authorized, full)});
        list.push_back(
            {"pubrel" + suffix, v5, ack<pubrel>(reason_code::packet_identifier_not_found, full)}
        );
        list.push_back(
            {"pubcomp" + suffix, v5, ack<pubcomp>(reason_code::packet_identifier_not_found, full)}
        );
    }
    return list;
}

}  // namespace

const std::vector<sample>& all() {
    static const std::vector<sample> list = make();
    return list;
}

std::vector<std::byte> bytes_of(const sample& sample) {
    std::vector<std::byte> bytes;
    encode(sample.packet, sample.version, bytes);
    return bytes;
}

}  // namespace pgw::mqtt::samples
