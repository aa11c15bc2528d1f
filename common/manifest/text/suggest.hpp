// "Did you mean": the known name nearest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pgw::manifest {

/// `; did you mean 'x'?`, or nothing when no name is near.
std::string suggestion(std::string_view mistyped, std::span<const std::string_view> known);

}  // namespace pgw::manifest
