// Units in which the field tables state bounds.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>

namespace pgw::manifest {

inline constexpr std::uint64_t kibi = 1024;
inline constexpr std::uint64_t mebi = 1024 * kibi;
inline constexpr std::uint64_t gibi = 1024 * mebi;
inline constexpr base::milliseconds one_millisecond{1};
inline constexpr base::milliseconds one_hour{3'600'000};
inline constexpr base::milliseconds one_day = 24 * one_hour;

}  // namespace pgw::manifest
