// Topic templates and value templates as parsed values. Matching and expansion are the bridge's.
//
// A topic template is a topic whose levels hold literals and variables:
//
//     dev/{id}/t/{*rest}      plant/line-{line}/{kind=state}      literal/{{braces}}
//
// `{name}` takes one or more characters of one level; the literals around it in the level delimit
// it. `{name=default}` is a whole level and may be missing or empty in the topic, and then has the
// default's value; only further optional levels may follow it. `{*name}` is the whole rest of the
// topic, at least one level, and stands alone at the end. `{{` and `}}` are literal braces. `+` and
// `#` have no meaning here and are refused.
//
// A value template (an address, a subject, a property) is text with `{name}` in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgw::manifest {

enum class piece_kind : std::uint8_t {
    literal,   ///< `text` as it is.
    variable,  ///< {name}, `text` is the name.
};

struct template_piece {
    piece_kind kind = piece_kind::literal;
    std::string text;

    bool operator==(const template_piece&) const = default;
};

/// One level of a topic template.
struct template_level {
    enum class kind_type : std::uint8_t {
        pieces,    ///< Literals and variables; no two variables touch. No pieces: an empty level.
        optional,  ///< {name=default}: `pieces` holds the one variable.
        rest,      ///< {*name}: `pieces` holds the one variable. Last.
    };
    kind_type kind = kind_type::pieces;
    std::vector<template_piece> pieces;
    std::string fallback;  ///< optional: the default, which may be empty.

    bool operator==(const template_level&) const = default;
};

struct topic_template {
    std::vector<template_level> levels;  ///< At least one.

    /// The names it binds, in order.
    std::vector<std::string> variables() const;
    bool operator==(const topic_template&) const = default;
};

struct value_template {
    std::vector<template_piece> pieces;  ///< Adjacent literals are one. Empty: the empty text.

    /// The names it uses, in order, each once.
    std::vector<std::string> variables() const;
    bool is_constant() const noexcept;
    bool operator==(const value_template&) const = default;
};

/// Why a template does not parse. `offset` is that of the offending byte.
struct template_error {
    std::string text;
    std::size_t offset = 0;
};

/// Never throws. A name is a letter followed by letters, digits, `_` or `-`, at most 64 characters,
/// and binds once. At most 32 variables.
std::variant<topic_template, template_error> parse_topic_template(std::string_view text);
std::variant<value_template, template_error> parse_value_template(std::string_view text);

}  // namespace pgw::manifest
