// The API's MicroTime: RFC 3339 in UTC with exactly six digits of a second. Pure.
#pragma once

#include <chrono>
#include <string>

namespace pgw::runtime {

using wall_time = std::chrono::system_clock::time_point;

/// `2006-01-02T15:04:05.000000Z`.
std::string micro_time(wall_time when);

}  // namespace pgw::runtime
