// The vocabulary of the field tables: what one row says about a field.
//
// A struct of gateway.hpp is described once, by a specialisation of `schema` in fields.hpp or one
// of the *_fields.hpp, whose `describe(view)` calls, in the order of the manifest:
//
//     view.field(info, &owner::member, rule)             a field of the struct
//     view.field(info, &owner::member, rule, only_for)   the same, of one alternative of a union
//     view.group(info, [](auto& view) {...})             a sub-object whose fields are this struct's
//     view.constant(info, "text")                        a field with only one allowed value
//     view.ignored(info)                                 Kubernetes' own; accepted, of no effect
//
// Reading, checking, printing, cutting (project.hpp), the CRD and the reference page are views.
#pragma once

#include "common/base/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgw::manifest {

enum class field_scope : std::uint8_t { worker, operator_only };

/// Whether a change reaches a running worker (live) or needs a new one (roll).
enum class field_change : std::uint8_t { roll, live };

struct field_info {
    std::string_view name;  ///< camelCase, as in the manifest.
    std::string_view text;  ///< For the reference page: sentences.
    bool required = false;
    field_change change = field_change::roll;
    field_scope scope = field_scope::worker;
};

/// An integer without quotes.
struct number_rule {
    std::int64_t minimum;
    std::int64_t maximum;
};

/// Bytes as a Kubernetes quantity: 65536, 64Mi, 1M.
struct size_rule {
    std::uint64_t minimum;
    std::uint64_t maximum;
};

/// A duration such as 250ms, 30s or 1m30s.
struct time_rule {
    base::milliseconds minimum;
    base::milliseconds maximum;
    bool whole_seconds = false;
};

enum class text_kind : std::uint8_t {
    label,           ///< DNS label (RFC 1123), at most 40 characters.
    secret_name,     ///< DNS subdomain: a directory under --secrets-dir.
    secret_key,      ///< [-._a-zA-Z0-9]+: a file in that directory.
    ip_address,      ///< IPv4 or IPv6.
    host,            ///< A host name or an IP address; may be empty.
    topic_template,  ///< See topic_template.hpp.
    value_template,  ///< See topic_template.hpp; may be empty.
    image,           ///< A container image reference; may be empty.
    object_name,     ///< DNS subdomain: the name of a Kubernetes object; may be empty.
    qualified_name,  ///< As the key of a label: example.com/name; may be empty.
    cidr,            ///< An IPv4 or IPv6 address, '/', and the length of the prefix.
};

struct text_rule {
    text_kind kind;
};

/// amqp://host:port or amqps://host:port.
struct endpoint_rule {};

enum class map_kind : std::uint8_t {
    properties,   ///< Names (route_rules.hpp) → value templates.
    labels,       ///< Kubernetes' labels.
    annotations,  ///< Keys as those of labels → any text.
    quantities,   ///< Names of resources → Kubernetes quantities, also as integers.
};

/// An object of text → text.
struct map_rule {
    map_kind kind;
    std::size_t maximum;
};

/// Any object, kept as JSON text of at most so many bytes. The empty object is no text.
struct object_rule {
    std::size_t maximum;
};

template <class ItemRule>
struct list_rule {
    std::size_t minimum;
    std::size_t maximum;
    ItemRule item;
    bool by_name = false;  ///< The items' names are distinct and tell them apart, not their order.
};

/// Enums and described structs need no more than their type.
struct no_rule {};

/// The field belongs to one alternative of the union whose `type` is `*type`. The type stands
/// before the field in the table.
template <class Owner, class Enum>
struct only_for {
    Enum Owner::* type;
    Enum value;
};

/// The field belongs to every alternative.
struct always {};

/// The name of an enumerator in manifests, and what it means.
template <class Enum>
struct enum_name {
    Enum value;
    std::string_view name;
    std::string_view text;
};

/// Specialised for each enum of the spec: `static constexpr std::array<enum_name<Enum>, N> rows`.
template <class Enum>
struct enum_table;

template <class Enum>
constexpr std::string_view enum_text(Enum value) {
    for (const auto& row : enum_table<Enum>::rows) {
        if (row.value == value) return row.name;
    }
    return {};
}

/// Specialised for each struct of the spec.
template <class T>
struct schema;

template <class T>
concept described = requires { schema<T>::is_described; };

}  // namespace pgw::manifest
