// What is stopped before Proton sees it.
#include "worker/amqp/frame_guard.hpp"

#include "worker/amqp/encoding.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace pgw::amqp {
namespace {

using namespace std::string_literals;

std::string frame(const std::string& performative, std::uint8_t channel = 0) {
    const auto size = static_cast<std::uint32_t>(performative.size() + 8);
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
    return out + "\x02\x00\x00"s + static_cast<char>(channel) + performative;
}

std::string described_list(std::uint8_t code, const std::string& fields, std::uint8_t count) {
    return "\x00\x53"s + static_cast<char>(code) + "\xc0" + static_cast<char>(fields.size() + 1) +
           static_cast<char>(count) + fields;
}

std::string transfer(std::uint8_t handle, bool with_id, bool more, std::uint8_t channel = 0) {
    std::string fields = "\x52"s + static_cast<char>(handle);
    fields += with_id ? "\x52\x07"s : "\x40"s;
    fields += "\xa0\x01t\x43\x42"s + (more ? "\x41" : "\x42");
    return frame(described_list(0x14, fields, 6) + "\x00\x53\x75\xa0\x01x"s, channel);
}

std::string attach(std::uint8_t handle) {
    return frame(described_list(0x12, "\xa1\x01n\x52"s + static_cast<char>(handle) + "\x42", 3));
}

std::string detach(std::uint8_t handle) {
    return frame(described_list(0x16, "\x52"s + static_cast<char>(handle) + "\x41", 2));
}

const std::string header = "AMQP\x00\x01\x00\x00"s;
const std::string open_frame = frame(described_list(0x10, "\xa1\x01p", 1));
const std::string protocol = header + open_frame;

/// What the guard lets through of a stream that comes in pieces; nothing when it stops it.
std::optional<std::string> filtered(const std::string& stream, std::size_t piece) {
    frame_guard guard(65536);
    std::string passed;
    std::string kept;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        kept += stream.substr(at, piece);
        const auto bytes = std::as_writable_bytes(std::span(kept));
        const auto verdict = guard.check(bytes);
        if (!verdict.problem.empty()) return std::nullopt;
        passed += kept.substr(0, verdict.pass);
        kept.erase(0, verdict.pass);
    }
    return passed + kept;
}

/// The verdict must not depend on how the stream is cut.
std::optional<std::string> filtered(const std::string& stream) {
    const auto whole = filtered(stream, stream.size());
    for (std::size_t piece = 1; piece < stream.size(); ++piece) {
        EXPECT_EQ(whole, filtered(stream, piece)) << "in pieces of " << piece;
    }
    return whole;
}

bool passes(const std::string& stream) {
    const auto out = filtered(stream);
    EXPECT_EQ(out.value_or(stream), stream);
    return out.has_value();
}

std::string uint_field(std::uint32_t value) {
    std::string out = "\x70";
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
    return out;
}

std::string flow(std::uint32_t window, std::uint32_t credit) {
    return frame(described_list(
        0x13, "\x43"s + uint_field(window) + "\x43\x52\x64\x43\x43"s + uint_field(credit), 7
    ));
}

TEST(frame_guard_test, ordinary_traffic_passes) {
    EXPECT_TRUE(passes(
        protocol + attach(0) + transfer(0, true, false) + frame("") + transfer(0, true, true) +
        transfer(0, false, true) + transfer(0, false, false) + transfer(0, true, false) + detach(0)
    ));
}

TEST(frame_guard_test, a_delivery_cannot_begin_without_an_id) {
    EXPECT_FALSE(passes(protocol + attach(0) + transfer(0, false, true)));
    EXPECT_FALSE(passes(protocol + transfer(0, true, true) + transfer(1, false, true)));
    EXPECT_FALSE(passes(protocol + transfer(0, true, true) + transfer(0, false, true, 1)));
}

TEST(frame_guard_test, a_handle_given_anew_has_no_open_delivery) {
    EXPECT_FALSE(passes(protocol + transfer(3, true, true) + attach(3) + transfer(3, false, true)));
    EXPECT_FALSE(passes(protocol + transfer(3, true, true) + detach(3) + transfer(3, false, true)));
    const auto end = frame(described_list(0x17, "\x40", 1));
    EXPECT_FALSE(passes(protocol + transfer(3, true, true) + end + transfer(3, false, true)));
}

TEST(frame_guard_test, the_first_frame_is_one_open) {
    EXPECT_FALSE(passes(header + frame(described_list(0x18, "\x40", 1))));
    EXPECT_FALSE(passes(header + attach(0)));
    EXPECT_FALSE(passes(protocol + open_frame));
    EXPECT_TRUE(passes(header + frame("") + open_frame + attach(0)));
}

TEST(frame_guard_test, an_attach_with_unknown_settle_modes_is_stopped) {
    const auto with_modes = [](const std::string& modes) {
        return frame(described_list(0x12, "\xa1\x01n\x43\x42"s + modes, 5));
    };
    EXPECT_TRUE(passes(protocol + with_modes("\x50\x02\x50\x01")));
    EXPECT_FALSE(passes(protocol + with_modes("\x50\x03\x50\x01")));
    EXPECT_FALSE(passes(protocol + with_modes("\x50\x02\x50\x02")));
}

// Proton would take such a field for missing and act by its default: on handle 0.
TEST(frame_guard_test, fields_of_another_type_are_stopped) {
    const auto attach_with = [](const std::string& fields) {
        return protocol + transfer(0, true, true) + frame(described_list(0x12, fields, 3)) +
               transfer(0, false, true);
    };
    EXPECT_TRUE(passes(attach_with("\xa1\x01n\x52\x01\x42"s)));
    EXPECT_FALSE(passes(attach_with("\x5e\xfe\x52\x01\x42"s)));
    EXPECT_FALSE(passes(attach_with("\xa1\x01n\x50\x01\x42"s)));
    EXPECT_FALSE(passes(attach_with("\xa1\x01n\x74\x43\x42\x50\x02\x42"s)));
    EXPECT_FALSE(passes(attach_with("\xa1\x01n\x40\x42"s)));
    EXPECT_FALSE(passes(protocol + frame(described_list(0x16, "\x50\x00\x41"s, 2))));
    const auto transfer_with = [](const std::string& fields) {
        return protocol + attach(0) +
               frame(described_list(0x14, fields, 6) + "\x00\x53\x75\xa0\x01x"s);
    };
    EXPECT_TRUE(passes(transfer_with("\x43\x43\xa0\x01t\x43\x42\x56\x01"s)));
    EXPECT_FALSE(passes(transfer_with("\x50\x00\x43\xa0\x01t\x43\x42\x41"s)));
    EXPECT_FALSE(passes(transfer_with("\x43\x50\x00\xa0\x01t\x43\x42\x41"s)));
    EXPECT_FALSE(passes(transfer_with("\x43\x43\xa0\x01t\x43\x42\x50\x00"s)));
}

TEST(frame_guard_test, a_list_that_counts_wrong_is_stopped) {
    for (const auto count : {std::uint8_t{2}, std::uint8_t{4}}) {
        EXPECT_FALSE(passes(protocol + frame(described_list(0x12, "\xa1\x01n\x43\x42"s, count))));
    }
}

TEST(frame_guard_test, deep_nesting_is_stopped) {
    EXPECT_FALSE(passes(protocol + frame(std::string(200, '\0'))));
}

TEST(frame_guard_test, crowds_of_values_are_stopped) {
    const auto attach_with = [](const std::string& value) {
        const auto fields = "\xa1\x01n\x43\x42\x40\x40\x40\x40\x40\x40\x43\x40\x40\x40"s;
        const auto size = static_cast<std::uint32_t>(fields.size() + value.size() + 4);
        std::string list = "\x00\x53\x12\xd0"s;
        for (int shift = 24; shift >= 0; shift -= 8)
            list.push_back(static_cast<char>(size >> shift));
        return frame(list + "\x00\x00\x00\x0e"s + fields + value);
    };
    const auto map_of = [](std::uint16_t values) {
        const auto size = static_cast<std::uint16_t>(values + 4);
        const auto be = [](std::uint16_t v) {
            return "\x00\x00"s + static_cast<char>(v >> 8) + static_cast<char>(v);
        };
        return "\xd1"s + be(size) + be(values) + std::string(values, '\x40');
    };
    EXPECT_TRUE(filtered(protocol + attach_with(map_of(900)), 100));
    EXPECT_FALSE(filtered(protocol + attach_with(map_of(2000)), 100));
    // Four bytes say how many, and none is needed for each.
    EXPECT_FALSE(filtered(protocol + attach_with("\xf0\x00\x00\x00\x05\x7f\xff\xff\xff\x40"s), 100)
    );
}

TEST(frame_guard_test, oversized_and_senseless_frames_are_left_to_proton) {
    EXPECT_TRUE(filtered("\x7f\xff\xff\xff\x02\x00\x00\x00zzz"s, 11));
    EXPECT_TRUE(filtered("GET / HTTP/1.1\r\n\r\n", 18));
}

// Proton answers credit as an int, but not windows.
TEST(frame_guard_test, credit_above_an_int_becomes_its_largest) {
    constexpr std::uint32_t most = 0x7fffffff;
    for (const auto value : {0u, 1u, 255u, 0x7ffffffeu, most}) {
        EXPECT_TRUE(passes(protocol + flow(value, value)));
    }
    for (const auto value : {0x80000000u, 0xfffffffeu, 0xffffffffu}) {
        EXPECT_TRUE(passes(protocol + flow(value, 5)));
        EXPECT_EQ(filtered(protocol + flow(5, value)), protocol + flow(5, most));
    }
    EXPECT_TRUE(passes(protocol + frame(described_list(0x13, "\x40\x43\x43\x43", 4))));
    EXPECT_TRUE(passes(protocol + frame(described_list(0x13, "", 0))));
}

TEST(frame_guard_test, remembers_the_lowest_handle_max) {
    const auto begin = [](const std::string& handle_max, std::uint8_t count) {
        return frame(described_list(0x11, "\x60\x00\x00\x43\x43\x43"s + handle_max, count));
    };
    const auto after = [&](const std::string& begins) {
        frame_guard guard(65536);
        auto stream = protocol + begins;
        guard.check(std::as_writable_bytes(std::span(stream)));
        return guard.handle_max();
    };
    EXPECT_EQ(after(begin("", 4)), 0xffffffffu);
    EXPECT_EQ(after(begin("\x43", 5)), 0u);
    EXPECT_EQ(after(begin("\x52\x07", 5)), 7u);
    EXPECT_EQ(after(begin(uint_field(0xfffffffeu), 5)), 0xfffffffeu);
    EXPECT_EQ(after(begin("\x52\x07", 5) + begin("\x52\x03", 5) + begin("\x52\x09", 5)), 3u);
}

}  // namespace
}  // namespace pgw::amqp
