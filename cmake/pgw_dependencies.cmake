# Third-party libraries, each behind one alias. All come from Debian 12.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

add_library(pgw_boost_json INTERFACE)
find_library(PGW_BOOST_JSON NAMES boost_json REQUIRED)
target_link_libraries(pgw_boost_json INTERFACE Boost::headers ${PGW_BOOST_JSON})

# Debian's Proton ships no usable CMake or pkg-config files for its split libraries. Never link qpid-proton beside these: that
# would be a second copy of the core.
add_library(pgw_proton_core INTERFACE)
target_link_libraries(pgw_proton_core INTERFACE -l:libqpid-proton-core.so.10)
add_library(pgw_proton_cpp INTERFACE)
target_link_libraries(pgw_proton_cpp INTERFACE -lqpid-proton-cpp -l:libqpid-proton-proactor.so.1 -l:libqpid-proton-core.so.10)
