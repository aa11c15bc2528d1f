// Every row of docs/mapping.md's first table, read back from the encoded bytes.
#include "worker/bridge/mapping.hpp"

#include "worker/amqp/decoding.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace {

using namespace pgw;
using amqp::section;
using bridge::assurance;
using bridge::client_info;
using bridge::envelope;
using bridge::message;
using bridge::property;
using bridge::annotation::client_id;

/// A scalar as text: strings as they are, numbers in decimal, null as "null".
std::string show(const amqp::scalar& value) {
    using type = amqp::scalar::type;
    switch (value.kind) {
        case type::null:
            return "null";
        case type::boolean:
            return value.number != 0 ? "true" : "false";
        case type::unsigned_int:
        case type::signed_int:
            return std::to_string(value.number);
        case type::text:
        case type::symbol:
        case type::binary:
            return std::string(value.text());
    }
    return "?";
}

using pairs = std::vector<std::pair<std::string, std::string>>;

/// The encoded message taken apart again.
struct decoded {
    bool has_header = false;
    amqp::header_fields header;
    pairs annotations;
    std::vector<std::string> properties;
    pairs application;
    std::string body;

    std::string annotation(std::string_view key) const {
        for (const auto& [k, v] : annotations) {
            if (k == key) return v;
        }
        return "absent";
    }
};

pairs read_pairs(base::bytes_view value) {
    pairs result;
    amqp::value_reader outer(value);
    const auto map = outer.read_map();
    EXPECT_TRUE(map.has_value());
    if (!map) return result;
    amqp::value_reader inside(map->body);
    std::uint32_t read = 0;
    while (!inside.at_end()) {
        const auto key = inside.read_scalar();
        EXPECT_TRUE(key.has_value());
        if (!key) return result;
        if (const auto scalar = inside.read_scalar()) {
            result.emplace_back(show(*key), show(*scalar));
        } else if (const auto list = inside.read_list()) {
            std::string all;
            amqp::value_reader items(list->body);
            std::uint32_t count = 0;
            for (; !items.at_end(); ++count) all += show(*items.read_scalar()) + ";";
            EXPECT_EQ(count, list->count);
            result.emplace_back(show(*key), all);
        }
        read += 2;
    }
    EXPECT_EQ(read, map->count) << "the map's count is wrong";
    return result;
}

decoded decode(const std::vector<std::byte>& bytes) {
    decoded result;
    amqp::section_reader sections(bytes);
    while (const auto part = sections.next()) {
        switch (part->kind) {
            case section::header:
                result.has_header = true;
                result.header = *amqp::read_header(part->value);
                break;
            case section::message_annotations:
                result.annotations = read_pairs(part->value);
                break;
            case section::properties: {
                amqp::value_reader outer(part->value);
                const auto list = outer.read_list();
                amqp::value_reader inside(list->body);
                for (std::uint32_t i = 0; i < list->count; ++i) {
                    const auto scalar = inside.read_scalar();
                    result.properties.push_back(
                        scalar ? show(*scalar) : std::string(base::as_text(*inside.skip()))
                    );
                }
                EXPECT_TRUE(inside.at_end()) << "the list's count is wrong";
                break;
            }
            case section::application_properties:
                result.application = read_pairs(part->value);
                break;
            case section::data: {
                amqp::value_reader body(part->value);
                result.body = show(*body.read_scalar());
                break;
            }
            default:
                ADD_FAILURE() << "unexpected section";
        }
    }
    EXPECT_FALSE(sections.malformed());
    return result;
}

class mapping : public ::testing::Test {
protected:
    mapping() {
        message_.topic = "plant/1";
        message_.payload = base::as_bytes("21.5");
        client_.client_id = "c1";
        envelope_.subject = "plant/1";
        envelope_.key = {0x1122334455667788, 9};
    }
    decoded map() {
        const auto bound = bridge::encoded_bound(message_, client_, envelope_);
        std::vector<std::byte> buffer(bound);
        const auto encoded = bridge::encode(buffer, message_, client_, envelope_);
        EXPECT_LE(encoded.size, bound);
        buffer.resize(encoded.size);
        ttl_offset_ = encoded.ttl_offset;
        bytes_ = buffer;
        return decode(buffer);
    }

    message message_;
    client_info client_;
    envelope envelope_;
    std::uint32_t ttl_offset_ = 0;
    std::vector<std::byte> bytes_;
};

TEST_F(mapping, payload_topic_client_and_qos_always_travel) {
    const auto m = map();
    EXPECT_EQ(m.body, "21.5");
    EXPECT_EQ(m.annotation("x-opt-mqtt-topic"), "plant/1");
    EXPECT_EQ(m.annotation("x-opt-mqtt-qos"), "0");
    EXPECT_EQ(m.annotation("x-opt-mqtt-client-id"), "c1");
    EXPECT_EQ(m.annotations.size(), 3u) << "and nothing else";
    EXPECT_TRUE(m.application.empty());
    EXPECT_FALSE(m.has_header);
}

TEST_F(mapping, qos_1_is_durable) {
    message_.assurance = assurance::at_least_once;
    const auto m = map();
    EXPECT_TRUE(m.header.durable);
    EXPECT_FALSE(m.header.ttl.has_value());
    EXPECT_EQ(m.annotation("x-opt-mqtt-qos"), "1");
}

TEST_F(mapping, the_message_id_is_a_version_8_uuid_of_the_key) {
    const auto m = map();
    const std::string expected(
        "\x98\x11\x22\x33\x44\x55\x66\x87\x88\x80\x00\x00\x00\x00\x00\x00\x09", 17
    );
    EXPECT_EQ(m.properties.at(0), expected);
    EXPECT_EQ(m.properties.at(1), "null") << "user-id is never set";
}

TEST_F(mapping, to_and_subject_come_from_the_route) {
    envelope_.to = "queue.7";
    envelope_.subject = "s";
    auto m = map();
    EXPECT_EQ(m.properties.at(2), "queue.7");
    EXPECT_EQ(m.properties.at(3), "s");
    envelope_.to = "";
    envelope_.subject = "";
    m = map();
    EXPECT_EQ(m.properties.at(2), "null");
    EXPECT_EQ(m.properties.at(3), "null");
}

TEST_F(mapping, flags_identity_and_user_name_travel_when_there) {
    message_.retain = true;
    message_.duplicate = true;
    client_.identity = "CN=dev";
    client_.user_name = "joe";
    const auto m = map();
    EXPECT_EQ(m.annotation("x-opt-mqtt-retain"), "true");
    EXPECT_EQ(m.annotation("x-opt-mqtt-dup"), "true");
    EXPECT_EQ(m.annotation("x-opt-mqtt-identity"), "CN=dev");
    EXPECT_EQ(m.annotation("x-opt-mqtt-unverified-user-name"), "joe");
}

TEST_F(mapping, mqtt_5_properties_have_their_amqp_places) {
    message_.content_type = "text/plain";
    message_.response_topic = "reply/1";
    message_.correlation_data = base::as_bytes(std::string_view("\x00\x01", 2));
    message_.format = bridge::payload_format::utf8;
    const auto m = map();
    EXPECT_EQ(m.properties.at(4), "null") << "reply-to: no reply node yet";
    EXPECT_EQ(m.properties.at(5), std::string("\x00\x01", 2));
    EXPECT_EQ(m.properties.at(6), "text/plain");
    EXPECT_EQ(m.annotation("x-opt-mqtt-response-topic"), "reply/1");
    EXPECT_EQ(m.annotation("x-opt-mqtt-payload-format"), "1");
}

TEST_F(mapping, a_content_type_that_is_no_symbol_travels_in_an_annotation) {
    message_.content_type = "text/plän";
    const auto m = map();
    EXPECT_EQ(m.annotation("x-opt-mqtt-content-type"), "text/plän");
    EXPECT_EQ(m.properties.size(), 4u);
}

TEST_F(mapping, expiry_becomes_a_saturated_ttl_that_can_be_patched) {
    message_.expiry_seconds = 60;
    EXPECT_EQ(map().header.ttl, 60'000u);
    ASSERT_NE(ttl_offset_, 0u);
    amqp::writer(bytes_).patch32(ttl_offset_, 1234);
    EXPECT_EQ(decode(bytes_).header.ttl, 1234u);
    message_.expiry_seconds = 0;  // as good as gone, and never a ttl that means "for ever"
    EXPECT_EQ(map().header.ttl, 1u);
    message_.expiry_seconds = 4'294'967'295u;
    EXPECT_EQ(map().header.ttl, 4'294'967'295u);
    EXPECT_FALSE(map().header.durable) << "QoS 0 stays not durable";
}

TEST_F(mapping, one_plain_user_property_needs_no_annotation) {
    const std::vector<property> properties{{"unit", "celsius"}};
    message_.properties = properties;
    const auto m = map();
    EXPECT_EQ(m.application, (pairs{{"unit", "celsius"}}));
    EXPECT_EQ(m.annotation("x-opt-mqtt-user-properties"), "absent");
}

TEST_F(mapping, duplicates_and_order_survive_in_the_annotation_and_the_last_wins_in_the_map) {
    const std::vector<property> properties{{"b", "1"}, {"a", "2"}, {"b", "3"}};
    message_.properties = properties;
    const auto m = map();
    EXPECT_EQ(m.application, (pairs{{"a", "2"}, {"b", "3"}}));
    EXPECT_EQ(m.annotation("x-opt-mqtt-user-properties"), "b;1;a;2;b;3;");
}

TEST_F(mapping, a_device_cannot_override_the_route_or_set_what_brokers_act_on) {
    const std::vector<property> from_route{{"kind", "alarm"}};
    envelope_.properties = from_route;
    for (const auto* key : {"kind", "_AMQ_DUPL_ID", "JMSXGroupID", "x-opt-delay", "x-delay", ""}) {
        SCOPED_TRACE(key);
        const std::vector<property> properties{{key, "forged"}};
        message_.properties = properties;
        const auto m = map();
        EXPECT_EQ(m.application, (pairs{{"kind", "alarm"}}));
        EXPECT_EQ(m.annotation("x-opt-mqtt-user-properties"), std::string(key) + ";forged;");
    }
}

TEST_F(mapping, long_values_and_large_payloads_fit_the_bound) {
    const std::string value(70'000, 'v');
    const std::string topic(65'535, 't');
    const std::vector<property> properties{{value, value}, {"k", value}};
    message_.topic = topic;
    message_.properties = properties;
    message_.payload = base::as_bytes(value);
    client_.client_id = topic;
    const auto m = map();
    EXPECT_EQ(m.body, value);
    EXPECT_EQ(m.annotation("x-opt-mqtt-topic"), topic);
    EXPECT_EQ(m.application.size(), 2u);
}

TEST_F(mapping, a_buffer_that_is_too_small_is_reported_and_not_overrun) {
    const auto whole = map();
    for (std::size_t size = 0; size < bytes_.size(); ++size) {
        std::vector<std::byte> small(size + 8, std::byte{0xee});
        const auto encoded =
            bridge::encode(std::span(small).first(size), message_, client_, envelope_);
        EXPECT_EQ(encoded.size, bytes_.size());
        for (std::size_t i = size; i < small.size(); ++i) ASSERT_EQ(small[i], std::byte{0xee});
    }
}

}  // namespace
