#include "common/manifest/read/document.hpp"

#include <utility>

namespace pgw::manifest {

std::variant<node, std::vector<problem>> parse_document(std::string_view text) {
    auto parsed = yaml::parse(text, {.max_bytes = 1 << 20, .max_nodes = 100'000, .max_depth = 64});
    if (auto* root = std::get_if<node>(&parsed)) return std::move(*root);
    std::vector<problem> problems;
    for (auto& fault : std::get<std::vector<yaml::fault>>(parsed)) {
        problems.push_back(
            {std::move(fault.path), std::move(fault.text), fault.at.line, fault.at.column}
        );
    }
    return problems;
}

}  // namespace pgw::manifest
