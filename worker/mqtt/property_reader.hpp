// Reading a property block: which property may stand where, its type and its range. Internal to the
// codec.
#pragma once

#include "worker/mqtt/decode.hpp"
#include "worker/mqtt/properties.hpp"
#include "worker/mqtt/reader.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>

namespace pgw::mqtt {

/// A set of property identifiers; all are below 64.
class property_set {
public:
    constexpr property_set(std::initializer_list<property_id> ids) noexcept {
        for (const auto id : ids) add(std::uint32_t(id));
    }
    constexpr bool has(std::uint32_t id) const noexcept { return id < 64 && ((bits_ >> id) & 1u); }
    constexpr void add(std::uint32_t id) noexcept { bits_ |= std::uint64_t(1) << id; }

private:
    std::uint64_t bits_ = 0;
};

/// One property's value: the member that its type uses is set.
struct property_value {
    std::uint32_t number = 0;
    std::string_view text;
    std::string_view second;  ///< A user property's value.
    base::bytes_view data;
};

/// Reads the value of a known property with its range check.
void read_property_value(reader& in, property_id id, property_value& value) noexcept;

/// Reads the property length and the properties. An identifier outside of `legal` is malformed
/// (section 2.2.2.2), a second one a protocol error, except those that may repeat: user properties,
/// and the subscription identifiers of PUBLISH. `store(id, value)` gets all but user properties,
/// which go to the buffers within the limits.
template <class Store>
void read_properties(
    reader& in,
    property_set legal,
    bool repeat_subscription_identifier,
    const decode_limits& limits,
    decode_buffers& buffers,
    Store&& store
) {
    reader block(in.take(in.variable_integer()));
    property_set seen{};
    while (in.ok() && block.ok() && !block.empty()) {
        const std::uint32_t number = block.variable_integer();
        if (!block.ok()) break;
        if (!legal.has(number)) {
            block.fail(errc::invalid_property);
            break;
        }
        const auto id = property_id(number);
        const bool repeats =
            id == property_id::user_property ||
            (id == property_id::subscription_identifier && repeat_subscription_identifier);
        if (!repeats && seen.has(number)) {
            block.fail(errc::duplicate_property);
            break;
        }
        seen.add(number);
        property_value value;
        read_property_value(block, id, value);
        if (!block.ok()) break;
        if (id != property_id::user_property) {
            store(id, value);
        } else if (buffers.user_properties.size() >= limits.max_user_properties) {
            block.fail(errc::limit_exceeded);
        } else {
            buffers.user_properties.push_back({value.text, value.second});
        }
    }
    if (!block.ok()) in.fail(block.error());
}

}  // namespace pgw::mqtt
