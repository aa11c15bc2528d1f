// The two commands of pgw-amqp as Proton containers' handlers.
#pragma once

#include "tools/amqp/options.hpp"

namespace pgw::tools {

inline constexpr int exit_done = 0;
inline constexpr int exit_incomplete = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_connection = 3;

/// Run to their end and answer the exit code; problems go to standard error.
int run_receive(const tool_options& options);
int run_send(const tool_options& options);

}  // namespace pgw::tools
