// Manifest text → a bounded tree of nodes with their places. What YAML can do beyond JSON's data is
// refused: anchors, aliases, tags, several documents, keys that are not text.
#pragma once

#include "common/manifest/read/read.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgw::manifest {

inline constexpr std::size_t max_manifest_bytes = 1u << 20;
inline constexpr std::size_t max_manifest_nodes = 100'000;
inline constexpr std::size_t max_manifest_depth = 64;

struct mark {
    int line = 0;    ///< 1-based.
    int column = 0;  ///< 1-based.
};

struct member;

struct node {
    enum class kind_type : std::uint8_t { null, plain, text, list, object };

    kind_type kind = kind_type::null;  ///< plain: an unquoted scalar; text: a quoted one.
    manifest::mark mark;
    std::string scalar;
    std::vector<node> items;      ///< list.
    std::vector<member> members;  ///< object; the keys are distinct.

    const member* find(std::string_view key) const noexcept;
    bool is_scalar() const noexcept { return kind == kind_type::plain || kind == kind_type::text; }
};

struct member {
    std::string key;
    manifest::mark mark;  ///< Of the key.
    node value;
};

/// The tree, or all that is wrong with the text. Never throws; never does more work than the bounds
/// allow.
std::variant<node, std::vector<problem>> parse_document(std::string_view text);

}  // namespace pgw::manifest
