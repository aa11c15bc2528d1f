// Every packet with every property there and back; truncations; bit flips.
#include "tests/unit/mqtt/samples.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/encode.hpp"

#include <gtest/gtest.h>

namespace pgw::mqtt {
namespace {

using samples::sample;

std::vector<std::byte> reframe(std::span<const std::byte> whole, std::size_t body_size) {
    const auto original = next_frame(whole, whole.size());
    std::vector<std::byte> bytes{whole[0]};
    auto length = body_size;
    for (; length >= 128; length >>= 7) bytes.push_back(std::byte((length & 127) | 128));
    bytes.push_back(std::byte(length));
    bytes.insert(bytes.end(), original.body.begin(), original.body.begin() + body_size);
    return bytes;
}

/// What was accepted must be a packet: it encodes, and decodes again to the same bytes.
void expect_stable(const packet& value, protocol_version version) {
    std::vector<std::byte> first;
    ASSERT_EQ(encode(value, version, first), errc::ok);
    const auto frame = next_frame(first, first.size());
    ASSERT_EQ(frame.status, frame_status::complete);
    decode_buffers buffers;
    const auto again = decode(frame, version, {}, buffers);
    ASSERT_TRUE(again.has_value()) << describe(again.error());
    std::vector<std::byte> second;
    ASSERT_EQ(encode(*again, version, second), errc::ok);
    EXPECT_EQ(first, second);
}

class every_packet : public testing::TestWithParam<sample> {};

TEST_P(every_packet, comes_back_as_it_was) {
    const auto bytes = samples::bytes_of(GetParam());
    const auto frame = next_frame(bytes, bytes.size());
    ASSERT_EQ(frame.status, frame_status::complete);
    EXPECT_EQ(frame.total, bytes.size());
    decode_buffers buffers;
    const auto decoded = decode(frame, GetParam().version, {}, buffers);
    ASSERT_TRUE(decoded.has_value()) << describe(decoded.error());
    EXPECT_EQ(decoded->index(), GetParam().packet.index());
    std::vector<std::byte> again;
    ASSERT_EQ(encode(*decoded, GetParam().version, again), errc::ok);
    EXPECT_EQ(again, bytes);
}

TEST_P(every_packet, is_never_complete_when_bytes_are_missing) {
    const auto bytes = samples::bytes_of(GetParam());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto frame = next_frame(std::span(bytes).first(size), bytes.size());
        EXPECT_EQ(frame.status, frame_status::incomplete) << size;
    }
}

TEST_P(every_packet, cut_short_with_a_matching_length_is_refused_or_a_shorter_valid_packet) {
    const auto bytes = samples::bytes_of(GetParam());
    const auto whole = next_frame(bytes, bytes.size());
    decode_buffers buffers;
    for (std::size_t size = 0; size < whole.body.size(); ++size) {
        const auto cut = reframe(bytes, size);
        const auto frame = next_frame(cut, cut.size());
        ASSERT_EQ(frame.status, frame_status::complete);
        const auto decoded = decode(frame, GetParam().version, {}, buffers);
        if (decoded) {
            expect_stable(*decoded, GetParam().version);
        } else {
            EXPECT_NE(decoded.error(), errc::ok);
        }
    }
}

TEST_P(every_packet, with_any_bit_flipped_is_refused_or_still_valid) {
    const auto bytes = samples::bytes_of(GetParam());
    decode_buffers buffers;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto flipped = bytes;
        flipped[bit / 8] ^= std::byte(1u << (bit % 8));
        const auto frame = next_frame(flipped, flipped.size());
        if (frame.status != frame_status::complete) continue;
        const auto version = GetParam().version;
        const auto decoded = decode(frame, version, {}, buffers);
        if (!decoded) continue;
        const auto* connecting = std::get_if<connect>(&*decoded);
        expect_stable(*decoded, connecting ? connecting->version : version);
    }
}

TEST_P(every_packet, is_too_large_one_byte_below_its_size) {
    std::vector<std::byte> out;
    const auto size = samples::bytes_of(GetParam()).size();
    EXPECT_EQ(encode(GetParam().packet, GetParam().version, out, size - 1), errc::packet_too_large);
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(encode(GetParam().packet, GetParam().version, out, size), errc::ok);
}

INSTANTIATE_TEST_SUITE_P(
    mqtt,
    every_packet,
    testing::ValuesIn(samples::all()),
    [](const auto& item) { return item.param.name; }
);

TEST(round_trip, keeps_order_and_duplicates_of_user_properties_MQTT_3_3_2_17_MQTT_3_3_2_18) {
    for (const auto& entry : samples::all()) {
        if (entry.name != "publish_5_full") continue;
        const auto bytes = samples::bytes_of(entry);
        decode_buffers buffers;
        const auto decoded = decode(next_frame(bytes, bytes.size()), entry.version, {}, buffers);
        const auto& list = std::get<publish>(*decoded).properties.user_properties;
        ASSERT_EQ(list.size(), 4u);
        EXPECT_EQ(list[0].key, "key");
        EXPECT_EQ(list[0].value, "one");
        EXPECT_EQ(list[1].key, "key");
        EXPECT_EQ(list[1].value, "two");
        EXPECT_EQ(list[2].key, "");
        EXPECT_EQ(list[3].value, "värde");
        return;
    }
    FAIL() << "no such sample";
}

TEST(round_trip, connect_and_will_keep_their_own_properties) {
    const auto& entry = samples::all()[4];
    ASSERT_EQ(entry.name, "connect_5_full");
    const auto bytes = samples::bytes_of(entry);
    decode_buffers buffers;
    const auto decoded = decode(next_frame(bytes, bytes.size()), entry.version, {}, buffers);
    const auto& p = std::get<connect>(*decoded);
    EXPECT_EQ(p.client_id, "device-1");
    EXPECT_EQ(p.keep_alive, 60);
    EXPECT_EQ(p.properties.session_expiry_interval, 3600u);
    EXPECT_EQ(p.properties.receive_maximum, 10);
    EXPECT_EQ(p.properties.request_problem_information, false);
    EXPECT_EQ(p.properties.user_properties.size(), 4u);
    ASSERT_TRUE(p.will);
    EXPECT_EQ(p.will->topic, "wills/device-1");
    EXPECT_EQ(p.will->qos, qos::at_least_once);
    EXPECT_TRUE(p.will->retain);
    EXPECT_EQ(p.will->properties.will_delay_interval, 5u);
    EXPECT_EQ(p.will->properties.user_properties.size(), 4u);
    EXPECT_EQ(p.will->properties.user_properties[1].value, "two");
    EXPECT_EQ(p.user_name, "user");
    EXPECT_EQ(base::as_text(*p.password), "secret");
}

}  // namespace
}  // namespace pgw::mqtt
