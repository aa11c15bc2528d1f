// Types and ranges of the properties (MQTT 5 table 2-4 and the sections it points to).
#include "worker/mqtt/property_reader.hpp"

#include "worker/mqtt/topic.hpp"

namespace pgw::mqtt {

void read_property_value(reader& in, property_id id, property_value& value) noexcept {
    const auto require = [&in](bool in_range, errc error = errc::invalid_property_value) {
        if (in.ok() && !in_range) in.fail(error);
    };
    switch (id) {
        case property_id::payload_format_indicator:
        case property_id::request_problem_information:
        case property_id::request_response_information:
        case property_id::maximum_qos:
        case property_id::retain_available:
        case property_id::wildcard_subscription_available:
        case property_id::subscription_identifier_available:
        case property_id::shared_subscription_available:
            value.number = in.u8();
            require(value.number <= 1);
            break;
        case property_id::receive_maximum:
            value.number = in.u16();
            require(value.number != 0);
            break;
        case property_id::topic_alias:
            value.number = in.u16();
            require(value.number != 0, errc::invalid_topic_alias);  // [MQTT-3.3.2-8]
            break;
        case property_id::server_keep_alive:
        case property_id::topic_alias_maximum:
            value.number = in.u16();
            break;
        case property_id::maximum_packet_size:
            value.number = in.u32();
            require(value.number != 0);
            break;
        case property_id::message_expiry_interval:
        case property_id::session_expiry_interval:
        case property_id::will_delay_interval:
            value.number = in.u32();
            break;
        case property_id::subscription_identifier:
            value.number = in.variable_integer();
            require(value.number != 0);
            break;
        case property_id::correlation_data:
        case property_id::authentication_data:
            value.data = in.binary();
            break;
        case property_id::response_topic: {
            // [MQTT-3.3.2-13], [MQTT-3.3.2-14]: UTF-8 without wildcards; a topic is not empty.
            value.text = in.raw_text();
            const auto check = check_topic_name(value.text);
            require(check.error == errc::ok, check.error);
            require(check.levels > 0, errc::invalid_topic_name);
            break;
        }
        case property_id::user_property:
            value.text = in.text();
            value.second = in.text();
            break;
        case property_id::content_type:
        case property_id::assigned_client_identifier:
        case property_id::authentication_method:
        case property_id::response_information:
        case property_id::server_reference:
        case property_id::reason_string:
            value.text = in.text();
            break;
    }
}

}  // namespace pgw::mqtt
