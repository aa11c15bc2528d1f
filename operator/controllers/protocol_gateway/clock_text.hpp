// The present moment as the API writes it.
#pragma once

#include <chrono>
#include <ctime>
#include <string>

namespace pgw::controllers {

/// `2026-01-02T03:04:05Z`.
inline std::string utc_now_text() {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::string text(20, '\0');
    text.resize(std::strftime(text.data(), text.size() + 1, "%Y-%m-%dT%H:%M:%SZ", &parts));
    return text;
}

}  // namespace pgw::controllers
