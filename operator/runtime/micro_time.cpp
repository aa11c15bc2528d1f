// By the calendar of the standard library.
#include "operator/runtime/micro_time.hpp"

#include <array>
#include <cstdio>

namespace pgw::runtime {

std::string micro_time(wall_time when) {
    using namespace std::chrono;
    const auto day = floor<days>(when);
    const year_month_day date(day);
    const hh_mm_ss time(floor<microseconds>(when) - day);
    std::array<char, 64> text;
    const int length = std::snprintf(
        text.data(),
        text.size(),
        "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()),
        static_cast<int>(time.seconds().count()),
        static_cast<int>(time.subseconds().count())
    );
    return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace pgw::runtime
