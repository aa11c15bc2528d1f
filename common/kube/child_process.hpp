// Runs a program and collects its output.
#pragma once

#include "common/base/clock.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace pgw::kube {

struct child_command {
    std::string program;  ///< Without a slash it is looked up in PATH.
    std::vector<std::string> arguments;
    std::vector<std::pair<std::string, std::string>> environment;  ///< Added to our own.
    base::milliseconds deadline{60'000};
    std::size_t max_output = std::size_t{1} << 20;
};

struct child_failure {
    std::string text;        ///< In words, without the program's name.
    bool not_found = false;  ///< There is no such program.
};

/// What the program wrote to its standard output when it ended with status 0. It has no input and
/// our standard error. It is killed, with what it started, when it does not end in time, writes too
/// much, or the awaiting coroutine is cancelled.
boost::asio::awaitable<std::variant<std::string, child_failure>> run_child(child_command command);

}  // namespace pgw::kube
