// Which property is which member, once per packet. What may stand in a packet, where the decoder
// stores it and what the encoder writes are all made of these lists, so that they cannot differ.
// Internal to the codec.
#pragma once

#include "worker/mqtt/properties.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pgw::mqtt {

/// How a property's value stands in the packet (MQTT 5 table 2-4).
enum class property_type : std::uint8_t { byte, two, four, variable, text, binary, text_pair };

constexpr property_type type_of(property_id id) noexcept {
    switch (id) {
        case property_id::payload_format_indicator:
        case property_id::request_problem_information:
        case property_id::request_response_information:
        case property_id::maximum_qos:
        case property_id::retain_available:
        case property_id::wildcard_subscription_available:
        case property_id::subscription_identifier_available:
        case property_id::shared_subscription_available:
            return property_type::byte;
        case property_id::server_keep_alive:
        case property_id::receive_maximum:
        case property_id::topic_alias_maximum:
        case property_id::topic_alias:
            return property_type::two;
        case property_id::message_expiry_interval:
        case property_id::session_expiry_interval:
        case property_id::will_delay_interval:
        case property_id::maximum_packet_size:
            return property_type::four;
        case property_id::subscription_identifier:
            return property_type::variable;
        case property_id::correlation_data:
        case property_id::authentication_data:
            return property_type::binary;
        case property_id::user_property:
            return property_type::text_pair;
        case property_id::content_type:
        case property_id::response_topic:
        case property_id::assigned_client_identifier:
        case property_id::authentication_method:
        case property_id::response_information:
        case property_id::server_reference:
        case property_id::reason_string:
            break;
    }
    return property_type::text;
}

/// Whether a member can hold what the wire holds: no more and no less.
template <class Member>
constexpr bool holds(property_type type) noexcept {
    using std::is_same_v;
    if constexpr (is_same_v<Member, user_properties>) return type == property_type::text_pair;
    if constexpr (is_same_v<Member, std::span<const std::uint32_t>>) {
        return type == property_type::variable;
    }
    if constexpr (is_same_v<Member, std::optional<bool>>) return type == property_type::byte;
    if constexpr (is_same_v<Member, std::optional<std::uint8_t>>) {
        return type == property_type::byte;
    }
    if constexpr (is_same_v<Member, std::optional<std::uint16_t>>) {
        return type == property_type::two;
    }
    if constexpr (is_same_v<Member, std::optional<std::uint32_t>>) {
        return type == property_type::four || type == property_type::variable;
    }
    if constexpr (is_same_v<Member, std::optional<std::string_view>>) {
        return type == property_type::text;
    }
    if constexpr (is_same_v<Member, std::optional<base::bytes_view>>) {
        return type == property_type::binary;
    }
    return false;
}

/// A set of property identifiers; all are below 64.
class property_set {
public:
    static constexpr std::uint32_t end = 64;

    constexpr bool has(std::uint32_t id) const noexcept { return ((bits_ >> id) & 1u) != 0; }
    constexpr void add(std::uint32_t id) noexcept { bits_ |= std::uint64_t(1) << id; }

private:
    std::uint64_t bits_ = 0;
};

template <property_id Id, auto Member>
struct property_row;

template <property_id Id, class Properties, class Value, Value Properties::* Member>
struct property_row<Id, Member> {
    static constexpr auto id = Id;
    using value_type = Value;
    static constexpr bool repeats = !requires(Value v) { v.has_value(); };
    static_assert(holds<Value>(type_of(Id)), "the member's type is not the property's");

    static constexpr Value& of(Properties& from) noexcept { return from.*Member; }
    static constexpr const Value& of(const Properties& from) noexcept { return from.*Member; }
};

/// Converts into any member: for counting them.
struct any_member {
    template <class T>
        requires requires(T v) { v.has_value(); } || std::is_same_v<T, user_properties> ||
                 std::is_same_v<T, std::span<const std::uint32_t>>
    constexpr operator T() const {
        return {};
    }
};

template <class Properties, std::size_t Count>
constexpr bool has_members = []<std::size_t... I>(std::index_sequence<I...>) {
    return requires { Properties{(void(I), any_member{})...}; };
}(std::make_index_sequence<Count>());

template <class Properties, class... Rows>
struct row_list {
    static_assert(has_members<Properties, sizeof...(Rows)>, "a row too many");
    static_assert(!has_members<Properties, sizeof...(Rows) + 1>, "a member without a row");

    /// Those that may stand in the packet.
    static constexpr property_set legal = [] {
        property_set set;
        (set.add(std::uint32_t(Rows::id)), ...);
        return set;
    }();
    /// Those that may stand there more than once.
    static constexpr property_set repeating = [] {
        property_set set;
        ((Rows::repeats ? set.add(std::uint32_t(Rows::id)) : void()), ...);
        return set;
    }();

    /// Calls `use(row{})` for each, in the order in which they are written.
    template <class Use>
    [[gnu::always_inline]] static constexpr void for_each(Use&& use) {
        (use(Rows{}), ...);
    }
    /// Calls `use(row{})` for the row with this identifier; there is one.
    template <class Use>
    static constexpr void with(property_id id, Use&& use) {
        static_cast<void>(((Rows::id == id && (use(Rows{}), true)) || ...));
    }
};

template <class Properties>
struct property_rows;

template <>
struct property_rows<connect_properties>
    : row_list<
          connect_properties,
          property_row<
              property_id::session_expiry_interval,
              &connect_properties::session_expiry_interval>,
          property_row<property_id::receive_maximum, &connect_properties::receive_maximum>,
          property_row<property_id::maximum_packet_size, &connect_properties::maximum_packet_size>,
          property_row<property_id::topic_alias_maximum, &connect_properties::topic_alias_maximum>,
          property_row<
              property_id::request_response_information,
              &connect_properties::request_response_information>,
          property_row<
              property_id::request_problem_information,
              &connect_properties::request_problem_information>,
          property_row<
              property_id::authentication_method,
              &connect_properties::authentication_method>,
          property_row<property_id::authentication_data, &connect_properties::authentication_data>,
          property_row<property_id::user_property, &connect_properties::user_properties>> {};

template <>
struct property_rows<will_properties>
    : row_list<
          will_properties,
          property_row<property_id::will_delay_interval, &will_properties::will_delay_interval>,
          property_row<
              property_id::payload_format_indicator,
              &will_properties::payload_format_indicator>,
          property_row<
              property_id::message_expiry_interval,
              &will_properties::message_expiry_interval>,
          property_row<property_id::content_type, &will_properties::content_type>,
          property_row<property_id::response_topic, &will_properties::response_topic>,
          property_row<property_id::correlation_data, &will_properties::correlation_data>,
          property_row<property_id::user_property, &will_properties::user_properties>> {};

template <>
struct property_rows<connack_properties>
    : row_list<
          connack_properties,
          property_row<
              property_id::session_expiry_interval,
              &connack_properties::session_expiry_interval>,
          property_row<property_id::receive_maximum, &connack_properties::receive_maximum>,
          property_row<property_id::maximum_qos, &connack_properties::maximum_qos>,
          property_row<property_id::retain_available, &connack_properties::retain_available>,
          property_row<property_id::maximum_packet_size, &connack_properties::maximum_packet_size>,
          property_row<
              property_id::assigned_client_identifier,
              &connack_properties::assigned_client_identifier>,
          property_row<property_id::topic_alias_maximum, &connack_properties::topic_alias_maximum>,
          property_row<property_id::reason_string, &connack_properties::reason_string>,
          property_row<
              property_id::wildcard_subscription_available,
              &connack_properties::wildcard_subscription_available>,
          property_row<
              property_id::subscription_identifier_available,
              &connack_properties::subscription_identifier_available>,
          property_row<
              property_id::shared_subscription_available,
              &connack_properties::shared_subscription_available>,
          property_row<property_id::server_keep_alive, &connack_properties::server_keep_alive>,
          property_row<
              property_id::response_information,
              &connack_properties::response_information>,
          property_row<property_id::server_reference, &connack_properties::server_reference>,
          property_row<
              property_id::authentication_method,
              &connack_properties::authentication_method>,
          property_row<property_id::authentication_data, &connack_properties::authentication_data>,
          property_row<property_id::user_property, &connack_properties::user_properties>> {};

template <>
struct property_rows<publish_properties>
    : row_list<
          publish_properties,
          property_row<
              property_id::payload_format_indicator,
              &publish_properties::payload_format_indicator>,
          property_row<
              property_id::message_expiry_interval,
              &publish_properties::message_expiry_interval>,
          property_row<property_id::topic_alias, &publish_properties::topic_alias>,
          property_row<property_id::response_topic, &publish_properties::response_topic>,
          property_row<property_id::correlation_data, &publish_properties::correlation_data>,
          property_row<
              property_id::subscription_identifier,
              &publish_properties::subscription_identifiers>,
          property_row<property_id::content_type, &publish_properties::content_type>,
          property_row<property_id::user_property, &publish_properties::user_properties>> {};

template <>
struct property_rows<ack_properties>
    : row_list<
          ack_properties,
          property_row<property_id::reason_string, &ack_properties::reason_string>,
          property_row<property_id::user_property, &ack_properties::user_properties>> {};

template <>
struct property_rows<subscribe_properties>
    : row_list<
          subscribe_properties,
          property_row<
              property_id::subscription_identifier,
              &subscribe_properties::subscription_identifier>,
          property_row<property_id::user_property, &subscribe_properties::user_properties>> {};

template <>
struct property_rows<unsubscribe_properties>
    : row_list<
          unsubscribe_properties,
          property_row<property_id::user_property, &unsubscribe_properties::user_properties>> {};

template <>
struct property_rows<disconnect_properties>
    : row_list<
          disconnect_properties,
          property_row<
              property_id::session_expiry_interval,
              &disconnect_properties::session_expiry_interval>,
          property_row<property_id::reason_string, &disconnect_properties::reason_string>,
          property_row<property_id::server_reference, &disconnect_properties::server_reference>,
          property_row<property_id::user_property, &disconnect_properties::user_properties>> {};

template <>
struct property_rows<auth_properties>
    : row_list<
          auth_properties,
          property_row<property_id::authentication_method, &auth_properties::authentication_method>,
          property_row<property_id::authentication_data, &auth_properties::authentication_data>,
          property_row<property_id::reason_string, &auth_properties::reason_string>,
          property_row<property_id::user_property, &auth_properties::user_properties>> {};

/// Whether there is nothing to write.
template <class Properties>
constexpr bool is_empty(const Properties& properties) noexcept {
    bool empty = true;
    property_rows<Properties>::for_each([&](auto row) {
        const auto& member = row.of(properties);
        if constexpr (row.repeats) {
            empty = empty && member.empty();
        } else {
            empty = empty && !member;
        }
    });
    return empty;
}

}  // namespace pgw::mqtt
