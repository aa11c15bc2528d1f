// A YAML or JSON text from outside as a JSON value, within bounds. Pure.
#pragma once

#include <boost/json.hpp>

#include <string>
#include <string_view>
#include <variant>

namespace pgw::kube {

inline constexpr std::size_t max_yaml_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_yaml_depth = 32;
inline constexpr std::size_t max_yaml_nodes = 50'000;

/// Of several documents the first; none is null. Plain scalars become null, true, false and integers
/// where every reader of YAML takes them for that, and text otherwise. See common/yaml for what is
/// refused. The error says what is wrong and in which line.
std::variant<boost::json::value, std::string> read_yaml(std::string_view text);

}  // namespace pgw::kube
