// What the specifications forbid, one named row each, with the error and the clause.
#include "tests/unit/mqtt/hex.hpp"
#include "worker/mqtt/decode.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pgw::mqtt {
namespace {

constexpr auto v31 = protocol_version::v3_1;
constexpr auto v3 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

struct row {
    const char* name;
    protocol_version version;
    const char* bytes;
    errc error;
};

// clang-format off
const row rows[] = {
    // The fixed header.
    {"type_0_is_forbidden", v5, "00 00", errc::invalid_packet_type},
    {"auth_before_mqtt_5_is_forbidden", v3, "f0 00", errc::invalid_packet_type},
    {"connect_with_flags_MQTT_2_1_3_1", v5, "11 00", errc::reserved_bits},
    {"pubrel_without_flag_MQTT_3_6_1_1", v3, "60 02 0001", errc::reserved_bits},
    {"subscribe_without_flag_MQTT_3_8_1_1", v3, "80 06 0001 0001 'a' 00", errc::reserved_bits},
    {"unsubscribe_without_flag_MQTT_3_10_1_1", v3, "a0 05 0001 0001 'a'", errc::reserved_bits},
    {"disconnect_with_flags_MQTT_3_14_1_1", v5, "e1 00", errc::reserved_bits},
    {"auth_with_flags_MQTT_3_15_1_1", v5, "f1 00", errc::reserved_bits},
    {"pingreq_with_flags", v3, "c8 00", errc::reserved_bits},
    {"publish_qos_3_MQTT_3_3_1_4", v3, "36 05 0001 'a' 0001", errc::invalid_qos},
    {"publish_dup_qos_0_MQTT_3_3_1_2", v3, "38 03 0001 'a'", errc::invalid_dup},
    {"five_byte_length", v3, "30 80 80 80 80 01", errc::invalid_variable_integer},
    {"length_not_minimal_MQTT_1_5_5_1", v3, "30 83 00 0001 'a'", errc::invalid_variable_integer},
    // CONNECT.
    {"connect_unknown_protocol_name_MQTT_3_1_2_1", v5, "10 0d 0004 'HTTP' 04 02 000a 0001 'c'", errc::unsupported_protocol},
    {"connect_level_3_named_MQTT_MQTT_3_1_2_2", v3, "10 0d 0004 'MQTT' 03 02 000a 0001 'c'", errc::unsupported_version},
    {"connect_level_6_MQTT_3_1_2_2", v5, "10 0e 0004 'MQTT' 06 02 000a 00 0001 'c'", errc::unsupported_version},
    {"connect_level_4_named_MQIsdp", v3, "10 0f 0006 'MQIsdp' 04 02 000a 0001 'c'", errc::unsupported_version},
    {"connect_reserved_flag_MQTT_3_1_2_3", v3, "10 0d 0004 'MQTT' 04 03 000a 0001 'c'", errc::reserved_bits},
    {"connect_will_qos_3_MQTT_3_1_2_12", v3, "10 12 0004 'MQTT' 04 1e 000a 0001 'c' 0001 'w' 0000", errc::invalid_qos},
    {"connect_will_qos_without_will_MQTT_3_1_2_11", v3, "10 0d 0004 'MQTT' 04 0a 000a 0001 'c'", errc::invalid_connect_flags},
    {"connect_will_retain_without_will_MQTT_3_1_2_13", v3, "10 0d 0004 'MQTT' 04 22 000a 0001 'c'", errc::invalid_connect_flags},
    {"connect_password_without_user_name_v3_MQTT311_3_1_2_22", v3, "10 10 0004 'MQTT' 04 42 000a 0001 'c' 0001 'p'", errc::invalid_connect_flags},
    {"connect_trailing_bytes", v3, "10 0e 0004 'MQTT' 04 02 000a 0001 'c' 00", errc::trailing_bytes},
    {"connect_user_name_missing_MQTT_3_1_2_17", v3, "10 0d 0004 'MQTT' 04 82 000a 0001 'c'", errc::truncated},
    {"connect_client_id_with_null_MQTT_1_5_4_2", v3, "10 0d 0004 'MQTT' 04 02 000a 0001 00", errc::invalid_utf8},
    {"connect_client_id_surrogate_MQTT_1_5_4_1", v3, "10 0f 0004 'MQTT' 04 02 000a 0003 eda080", errc::invalid_utf8},
    {"connect_user_name_not_utf8_MQTT_3_1_3_12", v3, "10 10 0004 'MQTT' 04 82 000a 0001 'c' 0001 ff", errc::invalid_utf8},
    {"connect_will_topic_with_wildcard", v3, "10 12 0004 'MQTT' 04 06 000a 0001 'c' 0001 '#' 0000", errc::invalid_topic_name},
    {"connect_will_topic_empty_MQTT_4_7_3_1", v3, "10 11 0004 'MQTT' 04 06 000a 0001 'c' 0000 0000", errc::invalid_topic_name},
    {"connect_will_topic_not_utf8_MQTT_3_1_3_11", v3, "10 12 0004 'MQTT' 04 06 000a 0001 'c' 0001 c0 0000", errc::invalid_utf8},
    {"connect_property_length_past_the_end", v5, "10 0e 0004 'MQTT' 05 02 000a 05 0001 'c'", errc::truncated},
    {"connect_receive_maximum_0", v5, "10 11 0004 'MQTT' 05 02 000a 03 21 0000 0001 'c'", errc::invalid_property_value},
    {"connect_maximum_packet_size_0", v5, "10 13 0004 'MQTT' 05 02 000a 05 27 00000000 0001 'c'", errc::invalid_property_value},
    {"connect_request_problem_information_2", v5, "10 10 0004 'MQTT' 05 02 000a 02 17 02 0001 'c'", errc::invalid_property_value},
    {"connect_request_response_information_2", v5, "10 10 0004 'MQTT' 05 02 000a 02 19 02 0001 'c'", errc::invalid_property_value},
    {"connect_duplicate_session_expiry", v5, "10 18 0004 'MQTT' 05 02 000a 0a 11 00000001 11 00000001 0001 'c'", errc::duplicate_property},
    {"connect_with_topic_alias", v5, "10 11 0004 'MQTT' 05 02 000a 03 23 0001 0001 'c'", errc::invalid_property},
    {"connect_with_unknown_property", v5, "10 10 0004 'MQTT' 05 02 000a 02 7f 00 0001 'c'", errc::invalid_property},
    {"connect_with_two_byte_property_identifier", v5, "10 11 0004 'MQTT' 05 02 000a 03 a600 01 0001 'c'", errc::invalid_variable_integer},
    {"connect_authentication_data_without_method", v5, "10 12 0004 'MQTT' 05 02 000a 04 16 0001 'd' 0001 'c'", errc::missing_authentication},
    {"connect_will_property_in_connect", v5, "10 13 0004 'MQTT' 05 02 000a 05 18 00000001 0001 'c'", errc::invalid_property},
    {"connect_will_with_session_expiry", v5, "10 19 0004 'MQTT' 05 06 000a 00 0001 'c' 05 11 00000001 0001 'w' 0000", errc::invalid_property},
    {"connect_empty_body", v5, "10 00", errc::truncated},
    // CONNACK.
    {"connack_reserved_flags_MQTT_3_2_2_1", v3, "20 02 02 00", errc::reserved_bits},
    {"connack_return_code_6", v3, "20 02 00 06", errc::invalid_reason_code},
    {"connack_session_present_with_refusal_MQTT_3_2_2_6", v5, "20 03 01 87 00", errc::reserved_bits},
    {"connack_session_present_with_refusal_v3_MQTT311_3_2_2_4", v3, "20 02 01 05", errc::reserved_bits},
    {"connack_session_present_in_3_1", v31, "20 02 01 00", errc::reserved_bits},
    {"connack_reason_of_another_packet_MQTT_3_2_2_8", v5, "20 03 00 8e 00", errc::invalid_reason_code},
    {"connack_maximum_qos_2", v5, "20 05 00 00 02 24 02", errc::invalid_property_value},
    {"connack_receive_maximum_0", v5, "20 06 00 00 03 21 0000", errc::invalid_property_value},
    {"connack_trailing_bytes", v3, "20 03 00 00 00", errc::trailing_bytes},
    // PUBLISH.
    {"publish_packet_id_0_MQTT_2_2_1_3", v3, "32 05 0001 'a' 0000", errc::invalid_packet_id},
    {"publish_topic_with_hash_MQTT_3_3_2_2", v3, "30 05 0003 'a/#'", errc::invalid_topic_name},
    {"publish_topic_with_plus_MQTT_3_3_2_2", v5, "30 0c 0009 '12345678+' 00", errc::invalid_topic_name},
    {"publish_topic_with_plus_in_a_word_MQTT_4_7_0_1", v5, "30 0b 0008 'abc+efgh' 00", errc::invalid_topic_name},
    {"publish_topic_empty_v3_MQTT_4_7_3_1", v3, "30 02 0000", errc::invalid_topic_name},
    {"publish_topic_empty_without_alias", v5, "30 03 0000 00", errc::missing_topic},
    {"publish_topic_with_null_MQTT_4_7_3_2", v3, "30 0b 0009 '1234567' 00 '8'", errc::invalid_utf8},
    {"publish_topic_not_utf8_MQTT_3_3_2_1", v3, "30 03 0001 80", errc::invalid_utf8},
    {"publish_topic_past_the_end", v3, "30 03 0005 'a'", errc::truncated},
    {"publish_cut_in_topic_length", v3, "30 01 00", errc::truncated},
    {"publish_cut_in_packet_id", v3, "32 04 0001 'a' 00", errc::truncated},
    {"publish_without_property_length", v5, "30 03 0001 'a'", errc::truncated},
    {"publish_property_length_past_the_end", v5, "30 05 0001 'a' 7f 01", errc::truncated},
    {"publish_property_crosses_the_block", v5, "30 09 0001 'a' 02 02 00000001", errc::truncated},
    {"publish_topic_alias_0_MQTT_3_3_2_8", v5, "30 07 0001 'a' 03 23 0000", errc::invalid_topic_alias},
    {"publish_payload_format_2", v5, "30 06 0001 'a' 02 01 02", errc::invalid_property_value},
    {"publish_subscription_identifier_0", v5, "30 06 0001 'a' 02 0b 00", errc::invalid_property_value},
    {"publish_response_topic_with_wildcard_MQTT_3_3_2_14", v5, "30 08 0001 'a' 04 08 0001 '#'", errc::invalid_topic_name},
    {"publish_response_topic_not_utf8_MQTT_3_3_2_13", v5, "30 08 0001 'a' 04 08 0001 ff", errc::invalid_utf8},
    {"publish_response_topic_empty_MQTT_4_7_3_1", v5, "30 07 0001 'a' 03 08 0000", errc::invalid_topic_name},
    {"publish_content_type_not_utf8_MQTT_3_3_2_19", v5, "30 08 0001 'a' 04 03 0001 ff", errc::invalid_utf8},
    {"publish_duplicate_expiry", v5, "30 0e 0001 'a' 0a 02 00000001 02 00000001", errc::duplicate_property},
    {"publish_with_reason_string", v5, "30 08 0001 'a' 04 1f 0001 'x'", errc::invalid_property},
    {"publish_user_property_not_utf8_MQTT_1_5_7_1", v5, "30 0b 0001 'a' 07 26 0001 'k' 0001 ff", errc::invalid_utf8},
    {"publish_user_property_without_value", v5, "30 08 0001 'a' 04 26 0001 'k'", errc::truncated},
    // Acknowledgements.
    {"puback_packet_id_0_MQTT_2_2_1_3", v3, "40 02 0000", errc::invalid_packet_id},
    {"puback_too_short", v3, "40 01 00", errc::truncated},
    {"puback_too_long_v3", v3, "40 03 0001 00", errc::trailing_bytes},
    {"puback_reason_of_another_packet_MQTT_3_4_2_1", v5, "40 03 0001 92", errc::invalid_reason_code},
    {"pubrec_reason_of_another_packet_MQTT_3_5_2_1", v5, "50 03 0001 92", errc::invalid_reason_code},
    {"pubrel_reason_of_another_packet_MQTT_3_6_2_1", v5, "62 03 0001 80", errc::invalid_reason_code},
    {"pubcomp_reason_of_another_packet_MQTT_3_7_2_1", v5, "70 03 0001 80", errc::invalid_reason_code},
    {"puback_duplicate_reason_string", v5, "40 0c 0001 00 08 1f 0001 'a' 1f 0001 'b'", errc::duplicate_property},
    {"puback_property_length_past_the_end", v5, "40 04 0001 00 01", errc::truncated},
    {"puback_trailing_bytes", v5, "40 05 0001 00 00 00", errc::trailing_bytes},
    // SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK.
    {"subscribe_without_filter_MQTT_3_8_3_2", v5, "82 03 0001 00", errc::empty_subscription},
    {"subscribe_without_filter_v3_MQTT_3_8_3_2", v3, "82 02 0001", errc::empty_subscription},
    {"subscribe_without_options_byte", v5, "82 06 0001 00 0001 'a'", errc::truncated},
    {"subscribe_packet_id_0_MQTT_2_2_1_3", v3, "82 06 0000 0001 'a' 00", errc::invalid_packet_id},
    {"subscribe_qos_3", v3, "82 06 0001 0001 'a' 03", errc::invalid_qos},
    {"subscribe_reserved_option_bits_MQTT_3_8_3_5", v5, "82 07 0001 00 0001 'a' 40", errc::reserved_bits},
    {"subscribe_reserved_option_bits_v3_MQTT311_3_8_3_4", v3, "82 06 0001 0001 'a' 04", errc::reserved_bits},
    {"subscribe_retain_handling_3", v5, "82 07 0001 00 0001 'a' 30", errc::invalid_qos},
    {"subscribe_no_local_on_shared_filter_MQTT_3_8_3_4", v5, "82 10 0001 00 000a '$share/g/a' 04", errc::shared_no_local},
    {"subscribe_empty_filter_MQTT_4_7_3_1", v3, "82 05 0001 0000 00", errc::invalid_topic_filter},
    {"subscribe_hash_not_last_MQTT_4_7_1_1", v3, "82 08 0001 0003 '#/a' 00", errc::invalid_topic_filter},
    {"subscribe_hash_not_alone_MQTT_4_7_1_1", v3, "82 07 0001 0002 'a#' 00", errc::invalid_topic_filter},
    {"subscribe_plus_not_alone_MQTT_4_7_1_2", v3, "82 07 0001 0002 'a+' 00", errc::invalid_topic_filter},
    {"subscribe_plus_then_text_MQTT_4_7_1_2", v3, "82 07 0001 0002 '+a' 00", errc::invalid_topic_filter},
    {"subscribe_share_without_filter_MQTT_4_8_2_2", v5, "82 0e 0001 00 0008 '$share/g' 00", errc::invalid_topic_filter},
    {"subscribe_share_name_empty_MQTT_4_8_2_1", v5, "82 0f 0001 00 0009 '$share//a' 00", errc::invalid_topic_filter},
    {"subscribe_share_name_with_wildcard_MQTT_4_8_2_2", v5, "82 10 0001 00 000a '$share/+/a' 00", errc::invalid_topic_filter},
    {"subscribe_filter_not_utf8_MQTT_3_8_3_1", v3, "82 06 0001 0001 ff 00", errc::invalid_utf8},
    {"subscribe_subscription_identifier_0", v5, "82 09 0001 02 0b 00 0001 'a' 00", errc::invalid_property_value},
    {"subscribe_two_subscription_identifiers", v5, "82 0b 0001 04 0b 01 0b 02 0001 'a' 00", errc::duplicate_property},
    {"suback_code_3_MQTT311_3_9_3_2", v3, "90 03 0001 03", errc::invalid_reason_code},
    {"suback_code_of_another_packet_MQTT_3_9_3_2", v5, "90 04 0001 00 11", errc::invalid_reason_code},
    {"suback_without_code", v3, "90 02 0001", errc::truncated},
    {"unsubscribe_without_filter_MQTT_3_10_3_2", v5, "a2 03 0001 00", errc::empty_subscription},
    {"unsubscribe_filter_not_utf8_MQTT_3_10_3_1", v3, "a2 05 0001 0001 ff", errc::invalid_utf8},
    {"unsubscribe_bad_filter_MQTT_4_7_1_1", v3, "a2 06 0001 0002 'a#'", errc::invalid_topic_filter},
    {"unsuback_code_of_another_packet_MQTT_3_11_3_2", v5, "b0 04 0001 00 01", errc::invalid_reason_code},
    {"unsuback_without_code", v5, "b0 03 0001 00", errc::truncated},
    {"unsuback_trailing_bytes_v3", v3, "b0 03 0001 00", errc::trailing_bytes},
    // The rest.
    {"pingreq_with_body", v3, "c0 01 00", errc::trailing_bytes},
    {"pingresp_with_body", v5, "d0 01 00", errc::trailing_bytes},
    {"disconnect_with_body_v3", v3, "e0 01 00", errc::trailing_bytes},
    {"disconnect_reason_of_another_packet_MQTT_3_14_2_1", v5, "e0 01 85", errc::invalid_reason_code},
    {"disconnect_trailing_bytes", v5, "e0 03 00 00 00", errc::trailing_bytes},
    {"disconnect_with_unknown_property", v5, "e0 04 00 02 24 01", errc::invalid_property},
    {"auth_without_method", v5, "f0 02 18 00", errc::missing_authentication},
    {"auth_reason_of_another_packet_MQTT_3_15_2_1", v5, "f0 06 80 04 15 0001 'm'", errc::invalid_reason_code},
    {"auth_without_property_length", v5, "f0 01 18", errc::truncated},
};
// clang-format on

errc decode_error(const row& row) {
    const auto bytes = hex(row.bytes);
    const auto frame = next_frame(bytes, 1 << 20);
    if (frame.status == frame_status::malformed) return frame.error;
    if (frame.status != frame_status::complete || frame.total != bytes.size()) {
        ADD_FAILURE() << "the row's length is wrong: " << frame.total << " for " << bytes.size();
        return errc::ok;
    }
    decode_buffers buffers;
    const auto decoded = decode(frame, row.version, {}, buffers);
    return decoded ? errc::ok : decoded.error();
}

class forbidden : public testing::TestWithParam<row> {};

TEST_P(forbidden, is_refused_for_its_reason) {
    EXPECT_STREQ(describe(decode_error(GetParam())), describe(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(mqtt, forbidden, testing::ValuesIn(rows), [](const auto& item) {
    return std::string(item.param.name);
});

// clang-format off
const row allowed_rows[] = {
    {"connect_3_1_unused_flag", v31, "10 0f 0006 'MQIsdp' 03 03 000a 0001 'c'", errc::ok},
    {"connect_3_1", v31, "10 0f 0006 'MQIsdp' 03 02 000a 0001 'c'", errc::ok},
    {"connect_password_without_user_name_v5", v5, "10 11 0004 'MQTT' 05 42 000a 00 0001 'c' 0001 'p'", errc::ok},
    {"connect_empty_client_id_MQTT_3_1_3_6", v5, "10 0d 0004 'MQTT' 05 02 000a 00 0000", errc::ok},
    {"puback_without_reason_MQTT_3_4_2_1", v5, "40 02 0001", errc::ok},
    {"puback_reason_without_properties", v5, "40 03 0001 10", errc::ok},
    {"disconnect_without_reason", v5, "e0 00", errc::ok},
    {"auth_without_reason", v5, "f0 00", errc::ok},
    {"publish_topic_with_byte_order_mark_MQTT_1_5_4_3", v3, "30 05 0003 efbbbf", errc::ok},
    {"publish_topic_of_four_byte_characters", v3, "30 06 0004 f09f9880", errc::ok},
    {"publish_empty_payload", v3, "30 03 0001 'a'", errc::ok},
    {"publish_two_subscription_identifiers", v5, "30 08 0001 'a' 04 0b 01 0b 02", errc::ok},
    {"subscribe_dollar_share_is_plain_in_v3", v3, "82 0d 0001 0008 '$share/g' 00", errc::ok},
};
// clang-format on

class permitted : public testing::TestWithParam<row> {};

TEST_P(permitted, is_accepted) {
    EXPECT_STREQ(describe(decode_error(GetParam())), describe(errc::ok));
}

INSTANTIATE_TEST_SUITE_P(mqtt, permitted, testing::ValuesIn(allowed_rows), [](const auto& item) {
    return std::string(item.param.name);
});

}  // namespace
}  // namespace pgw::mqtt
