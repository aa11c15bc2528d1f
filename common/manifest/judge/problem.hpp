// What is wrong with a manifest.
#pragma once

#include <string>

namespace pgw::manifest {

/// One thing that is wrong, and where: `spec.listeners[0].port: 70000 is not in 1..65535 (line 7)`.
struct problem {
    std::string path;
    std::string text;
    int line = 0;    ///< 1-based; 0 where there is none.
    int column = 0;  ///< 1-based; 0 where there is none.
};

/// `path: text (line l, column c)`.
std::string to_string(const problem& problem);

}  // namespace pgw::manifest
