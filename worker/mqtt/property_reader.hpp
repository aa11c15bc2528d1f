// Reading a property block: which property may stand where, its type and its range. Internal to the
// codec.
#pragma once

#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/property_rows.hpp"
#include "worker/mqtt/reader.hpp"

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace pgw::mqtt {

/// One property's value: the member that its type uses is set.
struct property_value {
    std::uint32_t number = 0;
    std::string_view text;
    std::string_view second;  ///< A user property's value.
    base::bytes_view data;
};

/// Reads the value of a known property with its range check.
void read_property_value(reader& in, property_id id, property_value& value) noexcept;

/// Puts a value that was read into the member that its row names.
template <class Member>
void assign(Member& member, const property_value& value) noexcept {
    using type = typename Member::value_type;
    if constexpr (std::is_same_v<type, bool>) {
        member = value.number != 0;
    } else if constexpr (std::is_integral_v<type>) {
        member = type(value.number);
    } else if constexpr (std::is_same_v<type, std::string_view>) {
        member = value.text;
    } else {
        member = value.data;
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
        if (!rows::legal.has(number)) {
            block.fail(errc::invalid_property);
            break;
        }
        if (seen.has(number) && !rows::repeating.has(number)) {
            block.fail(errc::duplicate_property);
            break;
        }
        seen.add(number);
        property_value value;
        read_property_value(block, property_id(number), value);
        if (!block.ok()) break;
        rows::with(property_id(number), [&](auto row) {
            if constexpr (row.id == property_id::user_property) {
                if (buffers.user_properties.size() >= limits.max_user_properties) {
                    block.fail(errc::limit_exceeded);
                } else {
                    buffers.user_properties.push_back({value.text, value.second});
                }
            } else if constexpr (row.repeats) {
                if (buffers.subscription_identifiers.size() >= limits.max_filters) {
                    block.fail(errc::limit_exceeded);
                } else {
                    buffers.subscription_identifiers.push_back(value.number);
                }
            } else {
                assign(row.of(out), value);
            }
        });
    }
    if (!block.ok()) in.fail(block.error());
    out.user_properties = buffers.user_properties;
    if constexpr (std::is_same_v<Properties, publish_properties>) {
        out.subscription_identifiers = buffers.subscription_identifiers;
    }
}

}  // namespace pgw::mqtt
