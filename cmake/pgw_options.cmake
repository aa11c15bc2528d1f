# The one place for compiler settings. Every target of ours links pgw_options.
add_library(pgw_options INTERFACE)
target_compile_features(pgw_options INTERFACE cxx_std_20)
target_include_directories(pgw_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(pgw_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wconversion -Wno-sign-conversion -Werror -fno-plt)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # g++ 12 takes the frames of Asio's coroutines, whose operator new it has inlined, for mismatched.
    target_compile_options(pgw_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
endif()
target_compile_definitions(pgw_options INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(PGW_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
if(PGW_SANITIZE)
    target_compile_options(pgw_options INTERFACE -fsanitize=${PGW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(pgw_options INTERFACE -fsanitize=${PGW_SANITIZE})
endif()

find_program(PGW_CCACHE ccache)
if(PGW_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${PGW_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${PGW_CCACHE})
endif()

configure_file(${PROJECT_SOURCE_DIR}/cmake/version.hpp.in ${PROJECT_BINARY_DIR}/generated/version.hpp)
