// pgw-crd: prints what is generated from the field tables.
#include "common/manifest/generate/crd.hpp"

#include <iostream>
#include <string_view>

int main(int argc, char** argv) {
    const std::string_view what = argc == 2 ? argv[1] : "";
    if (what == "crd") {
        std::cout << pgw::manifest::crd_yaml();
    } else if (what == "reference") {
        std::cout << pgw::manifest::crd_reference();
    } else {
        std::cerr << "usage: pgw-crd crd | reference\n";
        return 2;
    }
    return std::cout.flush() ? 0 : 1;
}
