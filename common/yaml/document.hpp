// YAML or JSON text from outside → a bounded tree of nodes with their places. What YAML can do beyond
// JSON's data is refused: anchors, aliases, tags, keys that are not text or stand twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgw::yaml {

/// What a text may be.
struct rules {
    std::size_t max_bytes;  ///< Whole MiB.
    std::size_t max_nodes;
    std::size_t max_depth;
    bool one_document = true;   ///< Otherwise the first of several counts.
    bool may_be_empty = false;  ///< No document is then a null node.
};

struct mark {
    int line = 0;    ///< 1-based; 0: nowhere in particular.
    int column = 0;  ///< 1-based.
};

/// What is wrong, and where.
struct fault {
    std::string path;  ///< Such as `a.b[1]`; empty: the whole.
    std::string text;
    mark at{};
};

struct member;

struct node {
    enum class kind_type : std::uint8_t { null, plain, text, list, object };

    kind_type kind = kind_type::null;  ///< plain: an unquoted scalar; text: a quoted one.
    yaml::mark mark{};
    std::string scalar{};
    std::vector<node> items;      ///< list.
    std::vector<member> members;  ///< object; the keys are distinct.

    const member* find(std::string_view key) const noexcept;
    bool is_scalar() const noexcept { return kind == kind_type::plain || kind == kind_type::text; }
};

struct member {
    std::string key;
    yaml::mark mark;  ///< Of the key.
    node value;
};

/// The tree, or all that is wrong with the text. Never throws; never does more work than the bounds
/// allow.
std::variant<node, std::vector<fault>> parse(std::string_view text, const rules& rules);

}  // namespace pgw::yaml
