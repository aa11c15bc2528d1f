// Edit distance without regard to case.
#include "common/manifest/text/suggest.hpp"

#include <algorithm>
#include <vector>

namespace pgw::manifest {

namespace {

constexpr std::size_t longest = 64;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto substituted = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string suggestion(std::string_view mistyped, std::span<const std::string_view> known) {
    if (mistyped.size() > longest) return {};
    std::string_view best;
    auto best_distance = std::max<std::size_t>(mistyped.size() / 3, 1) + 1;
    for (const auto name : known) {
        const auto d = distance(mistyped, name);
        if (d < best_distance) {
            best = name;
            best_distance = d;
        }
    }
    return best.empty() ? std::string() : "; did you mean '" + std::string(best) + "'?";
}

}  // namespace pgw::manifest
