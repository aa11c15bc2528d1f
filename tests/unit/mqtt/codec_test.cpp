// Framing, limits, topics, UTF-8, reason codes and what the encoders refuse.
#include "tests/unit/mqtt/hex.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/encode.hpp"
#include "worker/mqtt/topic.hpp"
#include "worker/mqtt/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pgw::mqtt {
namespace {

using base::as_bytes;

TEST(framing, reports_the_size_before_the_body_is_there) {
    const auto bytes = hex("30 ff ff ff 7f");
    const auto frame = next_frame(bytes, 1000);
    EXPECT_EQ(frame.status, frame_status::too_large);
    EXPECT_EQ(frame.total, 5u + max_variable_integer);
    EXPECT_EQ(next_frame(hex("30 ff ff ff"), 1000).status, frame_status::incomplete);
}

TEST(framing, judges_the_first_byte_alone) {
    EXPECT_EQ(next_frame(hex("36"), 1000).status, frame_status::malformed);
    EXPECT_EQ(next_frame(hex("30"), 1000).status, frame_status::incomplete);
    EXPECT_EQ(next_frame(hex("30"), 1000).type, packet_type::publish);
    EXPECT_EQ(next_frame({}, 1000).status, frame_status::incomplete);
}

TEST(framing, accepts_the_maximum_and_refuses_one_more) {
    const auto bytes = hex("30 03 0001 'a'");
    EXPECT_EQ(next_frame(bytes, 5).status, frame_status::complete);
    EXPECT_EQ(next_frame(bytes, 4).status, frame_status::too_large);
}

TEST(limits, bound_the_user_properties_of_a_packet) {
    const user_property many[] = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
    publish p;
    p.topic = "t";
    p.properties.user_properties = many;
    std::vector<std::byte> bytes;
    ASSERT_EQ(encode(p, protocol_version::v5, bytes), errc::ok);
    decode_buffers buffers;
    const auto frame = next_frame(bytes, bytes.size());
    EXPECT_TRUE(decode(frame, protocol_version::v5, {.max_user_properties = 3}, buffers));
    const auto refused = decode(frame, protocol_version::v5, {.max_user_properties = 2}, buffers);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::limit_exceeded);
    EXPECT_EQ(to_reason(refused.error()), reason_code::quota_exceeded);
}

TEST(limits, bound_the_filters_of_a_packet) {
    decode_buffers buffers;
    for (const auto* text :
         {"82 0a 0001 0001 'a' 00 0001 'b' 00", "a2 08 0001 0001 'a' 0001 'b'", "90 04 0001 00 00"
         }) {
        const auto bytes = hex(text);
        const auto whole = next_frame(bytes, bytes.size());
        EXPECT_TRUE(decode(whole, protocol_version::v3_1_1, {.max_filters = 2}, buffers)) << text;
        const auto refused = decode(whole, protocol_version::v3_1_1, {.max_filters = 1}, buffers);
        ASSERT_FALSE(refused) << text;
        EXPECT_EQ(refused.error(), errc::limit_exceeded) << text;
    }
    const auto unsuback = hex("b0 05 0001 00 00 11");
    EXPECT_FALSE(decode(next_frame(unsuback, 99), protocol_version::v5, {.max_filters = 1}, buffers)
    );
    const auto publish = hex("30 08 0001 'a' 04 0b 01 0b 02");
    EXPECT_FALSE(decode(next_frame(publish, 99), protocol_version::v5, {.max_filters = 1}, buffers)
    );
}

TEST(utf8, every_code_point_but_null_and_surrogates_is_valid_MQTT_1_5_4_1_MQTT_1_5_4_2) {
    for (std::uint32_t c = 0; c <= 0x110000; ++c) {
        std::string text;
        if (c < 0x80) {
            text = {char(c)};
        } else if (c < 0x800) {
            text = {char(0xC0 | (c >> 6)), char(0x80 | (c & 63))};
        } else if (c < 0x10000) {
            text = {char(0xE0 | (c >> 12)), char(0x80 | ((c >> 6) & 63)), char(0x80 | (c & 63))};
        } else {
            text = {
                char(0xF0 | (c >> 18)),
                char(0x80 | ((c >> 12) & 63)),
                char(0x80 | ((c >> 6) & 63)),
                char(0x80 | (c & 63))
            };
        }
        const bool valid = c != 0 && (c < 0xD800 || c > 0xDFFF) && c <= 0x10FFFF;
        ASSERT_EQ(valid_utf8(text), valid) << c;
        ASSERT_EQ(valid_utf8("1234567" + text + "12345678"), valid) << c;
    }
}

TEST(utf8, refuses_what_is_no_shortest_form_and_what_is_cut) {
    for (const auto* text :
         {"\xC0\x80",
          "\xC1\xBF",
          "\xE0\x80\x80",
          "\xE0\x9F\xBF",
          "\xF0\x80\x80\x80",
          "\xF0\x8F\xBF\xBF",
          "\xF5\x80\x80\x80",
          "\xFF",
          "\xFE",
          "\x80",
          "\xC3",
          "\xE2\x82",
          "\xF0\x9F\x98",
          "\xC3(",
          "\xE2(\xA1",
          "\xF0(\x8C\xBC",
          "\xF0\x90(\xBC"}) {
        EXPECT_FALSE(valid_utf8(text)) << text;
        EXPECT_FALSE(valid_utf8(std::string("12345678") + text)) << text;
    }
}

TEST(topic_names, are_counted_and_checked_at_every_position) {
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string name(size, 'x');
            EXPECT_EQ(check_topic_name(name).levels, 1);
            name[at] = '/';
            EXPECT_EQ(check_topic_name(name).levels, 2) << size << ' ' << at;
            for (const char wildcard : {'#', '+'}) {
                name[at] = wildcard;
                EXPECT_EQ(check_topic_name(name).error, errc::invalid_topic_name);
            }
            name[at] = '\0';
            EXPECT_EQ(check_topic_name(name).error, errc::invalid_utf8);
            name[at] = '\xFF';
            EXPECT_EQ(check_topic_name(name).error, errc::invalid_utf8);
        }
    }
    EXPECT_EQ(check_topic_name("").levels, 0);
    EXPECT_EQ(check_topic_name("/").levels, 2);
    EXPECT_EQ(check_topic_name("å/ä/ö/abcdefgh/x").levels, 5);
    EXPECT_EQ(check_topic_name(std::string(65535, '/')).levels, 65535);
}

TEST(topic_filters, follow_section_4_7) {
    const auto v5 = protocol_version::v5;
    for (const auto* good :
         {"#",
          "+",
          "a/#",
          "+/+",
          "/+",
          "a/+/b",
          "/",
          "$SYS/#",
          "a//b",
          "$share/g/#",
          "$share/g/+/a",
          "$share/g//",
          "$shared"}) {
        EXPECT_EQ(check_topic_filter(good, v5), errc::ok) << good;
    }
    for (const auto* bad :
         {"",
          "##",
          "a#",
          "#/",
          "a/#/b",
          "++",
          "a+/b",
          "a/+b",
          "$share/",
          "$share/g",
          "$share/g/",
          "$share//a",
          "$share/#/a",
          "$share/g/a#"}) {
        EXPECT_EQ(check_topic_filter(bad, v5), errc::invalid_topic_filter) << bad;
    }
    EXPECT_TRUE(has_wildcard("a/+"));
    EXPECT_FALSE(has_wildcard("a/b"));
    EXPECT_TRUE(is_shared("$share/g/a"));
}

TEST(answer_form, is_what_the_sender_of_a_connect_can_read) {
    EXPECT_EQ(answer_form(hex("0004 'MQTT' 05")), connack_form::v5);
    EXPECT_EQ(answer_form(hex("0004 'MQTT' 07")), connack_form::v5);
    EXPECT_EQ(answer_form(hex("0004 'MQTT' 04")), connack_form::v3);
    EXPECT_EQ(answer_form(hex("0004 'MQTT' 84")), connack_form::v3);
    EXPECT_EQ(answer_form(hex("0006 'MQIsdp' 03")), connack_form::v3);
    EXPECT_EQ(answer_form(hex("0004 'HTTP' 05")), connack_form::none);
    EXPECT_EQ(answer_form(hex("0004 'MQTT'")), connack_form::none);
}

TEST(encoding, refuses_what_does_not_fit_and_appends_nothing) {
    const std::string long_text(65536, 'x');
    const auto v5 = protocol_version::v5;
    const auto v3 = protocol_version::v3_1_1;
    const reason_code wrong_reason[] = {reason_code::banned};
    const subscription wrong_qos[] = {{"a", qos(3)}};
    const struct {
        const char* name;
        protocol_version version;
        packet value;
        errc error = errc::unencodable;
    } rows[] = {
        {"topic too long", v5, publish{.topic = long_text}},
        {"client id too long", v5, connect{.client_id = long_text}},
        {"packet id 0", v5, publish{.qos = qos::at_least_once, .topic = "a"}},
        {"ack of packet id 0", v3, puback{}},
        {"QoS 3", v5, publish{.qos = qos(3), .packet_id = 1, .topic = "a"}},
        {"DUP with QoS 0", v5, publish{.dup = true, .topic = "a"}},
        {"foreign reason", v5, puback{.packet_id = 1, .reason = reason_code::banned}},
        {"foreign CONNACK reason", v5, connack{.reason = reason_code::granted_qos_1}},
        {"foreign DISCONNECT reason", v5, disconnect{.reason = reason_code::banned}},
        {"foreign AUTH reason", v5, auth{.reason = reason_code::banned}},
        {"foreign SUBACK reason", v3, suback{.packet_id = 1, .reasons = wrong_reason}},
        {"foreign UNSUBACK reason", v5, unsuback{.packet_id = 1, .reasons = wrong_reason}},
        {"no filter", v5, subscribe{.packet_id = 1}},
        {"no filter to leave", v5, unsubscribe{.packet_id = 1}},
        {"no SUBACK code", v5, suback{.packet_id = 1}},
        {"subscription QoS 3", v5, subscribe{.packet_id = 1, .subscriptions = wrong_qos}},
        {"AUTH in 3.1.1", v3, auth{}},
        {"password alone in 3.1.1",
         v3,
         connect{.version = v3, .client_id = "c", .password = as_bytes("p")}},
    };
    for (const auto& row : rows) {
        std::vector<std::byte> out{std::byte{1}};
        EXPECT_EQ(encode(row.value, row.version, out), row.error) << row.name;
        EXPECT_EQ(out.size(), 1u) << row.name;
    }
}

TEST(encoding, subscription_identifier_beyond_its_range_is_refused) {
    const subscription list[] = {{"a"}};
    std::vector<std::byte> out;
    const subscribe value{
        .packet_id = 1,
        .properties = {.subscription_identifier = max_variable_integer + 1},
        .subscriptions = list
    };
    EXPECT_EQ(encode(value, protocol_version::v5, out), errc::unencodable);
}

TEST(encoding, fast_paths_equal_the_tables) {
    std::vector<std::byte> fast;
    std::vector<std::byte> slow;
    append_puback(0x0102, fast);
    append_pingresp(fast);
    ASSERT_EQ(encode(puback{.packet_id = 0x0102}, protocol_version::v5, slow), errc::ok);
    ASSERT_EQ(encode(pingresp{}, protocol_version::v5, slow), errc::ok);
    EXPECT_EQ(fast, slow);
}

TEST(encoding, remaining_length_uses_as_few_bytes_as_it_can_MQTT_1_5_5_1) {
    for (const std::size_t body : {127u, 128u, 16383u, 16384u, 2097151u, 2097152u}) {
        const std::string payload(body - 3, 'x');
        std::vector<std::byte> out;
        ASSERT_EQ(
            encode(
                publish{.topic = "a", .payload = as_bytes(payload)}, protocol_version::v3_1_1, out
            ),
            errc::ok
        );
        const auto frame = next_frame(out, out.size());
        EXPECT_EQ(frame.status, frame_status::complete);
        EXPECT_EQ(frame.body.size(), body);
    }
}

TEST(reasons, have_names_and_3_x_counterparts) {
    for (int code = 0; code < 256; ++code) {
        bool used = false;
        for (int type = 1; type <= 15; ++type) {
            used = used || allowed(packet_type(type), std::uint8_t(code));
        }
        EXPECT_EQ(name(reason_code(code)) != "unknown", used) << code;
    }
    EXPECT_EQ(
        to_v3(reason_code::unsupported_protocol_version),
        connect_return_code::unacceptable_protocol_version
    );
    EXPECT_EQ(
        to_v3(reason_code::client_identifier_not_valid), connect_return_code::identifier_rejected
    );
    EXPECT_EQ(to_v3(reason_code::server_busy), connect_return_code::server_unavailable);
    EXPECT_EQ(
        to_v3(reason_code::bad_user_name_or_password),
        connect_return_code::bad_user_name_or_password
    );
    EXPECT_EQ(to_v3(reason_code::not_authorized), connect_return_code::not_authorized);
    EXPECT_EQ(to_v3(reason_code::malformed_packet), connect_return_code::accepted);
}

TEST(errors, have_texts_and_reason_codes_of_disconnect) {
    for (int value = 0; value <= int(errc::unencodable); ++value) {
        EXPECT_STRNE(describe(errc(value)), "unknown error") << value;
        const auto code = std::uint8_t(to_reason(errc(value)));
        EXPECT_TRUE(allowed(packet_type::disconnect, code) || allowed(packet_type::connack, code));
    }
}

}  // namespace
}  // namespace pgw::mqtt
