// Reading a property block: which property may stand where, its type and its range. Internal to the
// codec.
#pragma once

#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/property_rows.hpp"
#include "worker/mqtt/reader.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace pgw::mqtt {

/// Fails with `error` unless the value is in range.
inline void require(reader& in, bool in_range, errc error) noexcept {
    if (in.ok() && !in_range) in.fail(error);
}

/// UTF-8 without wildcards; a topic is not empty. [MQTT-3.3.2-13], [MQTT-3.3.2-14]
std::string_view read_response_topic(reader& in) noexcept;

/// The value of a property that has one, with its range check (MQTT 5 table 2-4 and the sections it
/// points to).
template <property_id Id>
auto read_value(reader& in) noexcept {
    constexpr auto type = type_of(Id);
    if constexpr (Id == property_id::response_topic) {
        return read_response_topic(in);
    } else if constexpr (type == property_type::byte) {
        const auto value = in.u8();
        require(in, value <= 1, errc::invalid_property_value);
        return value;
    } else if constexpr (type == property_type::two) {
        const auto value = in.u16();
        if constexpr (Id == property_id::receive_maximum) {
            require(in, value != 0, errc::invalid_property_value);
        } else if constexpr (Id == property_id::topic_alias) {
            require(in, value != 0, errc::invalid_topic_alias);  // [MQTT-3.3.2-8]
        }
        return value;
    } else if constexpr (type == property_type::four) {
        const auto value = in.u32();
        if constexpr (Id == property_id::maximum_packet_size) {
            require(in, value != 0, errc::invalid_property_value);
        }
        return value;
    } else if constexpr (type == property_type::variable) {
        const auto value = in.variable_integer();
        require(in, value != 0, errc::invalid_property_value);
        return value;
    } else if constexpr (type == property_type::binary) {
        return in.binary();
    } else {
        static_assert(type == property_type::text);
        return in.text();
    }
}

/// Adds to a list that may hold `most`.
template <class Item>
void add(reader& in, std::vector<Item>& list, std::size_t most, const Item& item) {
    if (!in.ok()) return;
    if (list.size() >= most) {
        in.fail(errc::limit_exceeded);
    } else {
        list.push_back(item);
    }
}

/// Reads the value that a row is about and puts it where the row says, or into the buffers.
template <class Row, class Properties>
void read_row(reader& in, const decode_limits& limits, decode_buffers& buffers, Properties& out) {
    if constexpr (Row::id == property_id::user_property) {
        const auto key = in.text();
        const auto value = in.text();
        add(in, buffers.user_properties, limits.max_user_properties, user_property{key, value});
    } else if constexpr (Row::repeats) {
        const std::uint32_t value = read_value<Row::id>(in);
        add(in, buffers.subscription_identifiers, limits.max_filters, value);
    } else {
        using type = typename Row::value_type::value_type;
        Row::of(out) = type(read_value<Row::id>(in));
    }
}

/// Reads the property length and the properties into `out`. An identifier without a row is malformed
/// (section 2.2.2.2), a second one a protocol error, except those that may repeat, which go to the
/// buffers within the limits: user properties, and the subscription identifiers of PUBLISH. The
/// buffers' lists are not cleared before and must stay as they are while `out` is used.
template <class Properties>
void read_properties(
    reader& in, const decode_limits& limits, decode_buffers& buffers, Properties& out
) {
    using rows = property_rows<Properties>;
    reader block(in.take(in.variable_integer()));
    property_set seen{};
    while (in.ok() && block.ok() && !block.empty()) {
        const std::uint32_t number = block.variable_integer();
        if (!block.ok()) break;
        if (number >= property_set::end || !rows::legal.has(number)) {
            block.fail(errc::invalid_property);
            break;
        }
        if (seen.has(number) && !rows::repeating.has(number)) {
            block.fail(errc::duplicate_property);
            break;
        }
        seen.add(number);
        rows::with(property_id(number), [&](auto row) {
            read_row<decltype(row)>(block, limits, buffers, out);
        });
    }
    if (!block.ok()) in.fail(block.error());
    out.user_properties = buffers.user_properties;
    if constexpr (requires { out.subscription_identifiers; }) {
        out.subscription_identifiers = buffers.subscription_identifiers;
    }
}

}  // namespace pgw::mqtt
