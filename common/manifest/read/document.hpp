// Manifest text → the tree of nodes that is read, within a manifest's bounds.
#pragma once

#include "common/manifest/judge/problem.hpp"
#include "common/yaml/document.hpp"

#include <string_view>
#include <variant>
#include <vector>

namespace pgw::manifest {

using yaml::mark;
using yaml::member;
using yaml::node;

/// The tree, or all that is wrong with the text. Never throws; never does more work than the bounds
/// allow.
std::variant<node, std::vector<problem>> parse_document(std::string_view text);

}  // namespace pgw::manifest
