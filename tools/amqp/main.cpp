// pgw-amqp: receive from and send to any AMQP 1.0 address.
#include "tools/amqp/clients.hpp"
#include "tools/amqp/options.hpp"
#include "version.hpp"

#include <iostream>

int main(int argc, char** argv) {
    using namespace pgw::tools;
    const auto parsed = parse_options({argv + 1, argv + argc});
    if (const auto* problem = std::get_if<usage_error>(&parsed)) {
        std::cerr << "pgw-amqp: " << problem->text << "\n\n" << usage_text;
        return exit_usage;
    }
    const auto& options = std::get<tool_options>(parsed);
    switch (options.command) {
        case tool_command::receive:
            return run_receive(options);
        case tool_command::send:
            return run_send(options);
        case tool_command::version:
            std::cout << "pgw-amqp " << pgw::version << '\n';
            return exit_done;
        case tool_command::help:
            break;
    }
    std::cout << usage_text;
    return exit_done;
}
