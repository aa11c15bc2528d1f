#include "common/manifest/judge/problem.hpp"

namespace pgw::manifest {

std::string to_string(const problem& p) {
    std::string text = p.path.empty() ? "manifest" : p.path;
    text += ": ";
    text += p.text;
    if (p.line > 0) {
        text += " (line " + std::to_string(p.line) + ", column " + std::to_string(p.column) + ")";
    }
    return text;
}

}  // namespace pgw::manifest
