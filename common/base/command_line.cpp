#include "common/base/command_line.hpp"

#include <charconv>
#include <iostream>
#include <utility>

namespace pgw::base {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

template std::optional<std::uint16_t> parse_number(std::string_view);
template std::optional<std::uint32_t> parse_number(std::string_view);
template std::optional<std::uint64_t> parse_number(std::string_view);
template std::optional<std::int64_t> parse_number(std::string_view);
template std::optional<double> parse_number(std::string_view);

command_line& command_line::flag(std::string_view name, bool& target) {
    return flag(name, [&target] { target = true; });
}

command_line& command_line::flag(std::string_view name, std::function<void()> given) {
    flags_.insert_or_assign(name, std::move(given));
    return *this;
}

command_line& command_line::value(std::string_view name, taker take) {
    values_.insert_or_assign(name, std::move(take));
    return *this;
}

command_line& command_line::text(std::string_view name, std::string& target) {
    return value(name, [&target](std::string_view given) {
        target = given;
        return std::string();
    });
}

command_line& command_line::text_that_is_not_empty(std::string_view name, std::string& target) {
    return value(name, [&target](std::string_view given) {
        target = given;
        return std::string(given.empty() ? "is empty" : "");
    });
}

command_line& command_line::port(std::string_view name, std::uint16_t& target) {
    return value(name, [&target](std::string_view given) {
        const auto port = parse_number<std::uint16_t>(given);
        target = port.value_or(target);
        return std::string(port ? "" : "is not a port");
    });
}

command_line& command_line::port(std::string_view name, std::optional<std::uint16_t>& target) {
    return value(name, [&target](std::string_view given) {
        target = parse_number<std::uint16_t>(given);
        return std::string(target ? "" : "is not a port");
    });
}

command_line& command_line::number_in(
    std::string_view name,
    std::int64_t lowest,
    std::int64_t highest,
    std::function<void(std::int64_t)> set
) {
    return value(name, [=](std::string_view given) -> std::string {
        const auto number = parse_number<std::int64_t>(given);
        if (!number || *number < lowest || *number > highest) {
            return "is not a number from " + std::to_string(lowest) + " to " +
                   std::to_string(highest);
        }
        set(*number);
        return {};
    });
}

command_line& command_line::positional(taker take) {
    positional_ = std::move(take);
    return *this;
}

command_line::outcome command_line::parse(const std::vector<std::string_view>& arguments) const {
    const auto wrong = [](std::string problem) {
        return outcome{verdict::wrong, std::move(problem)};
    };
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto argument = arguments[i];
        const std::string quoted = "'" + std::string(argument) + "'";
        if (argument == "--help") return {verdict::help};
        if (argument == "--version") return {verdict::version};
        if (const auto flag = flags_.find(argument); flag != flags_.end()) {
            flag->second();
        } else if (const auto value = values_.find(argument); value != values_.end()) {
            const std::string name(argument);
            if (++i == arguments.size()) return wrong(name + " needs a value");
            const auto problem = value->second(arguments[i]);
            if (problem.empty()) continue;
            return wrong(name + ": '" + std::string(arguments[i]) + "' " + problem);
        } else if (positional_ && !argument.starts_with("--")) {
            const auto problem = positional_(argument);
            if (!problem.empty()) return wrong(quoted + " " + problem);
        } else {
            return wrong("unknown argument " + quoted);
        }
    }
    return {};
}

std::optional<int> command_line::parse(const program& self, int argc, const char* const* argv)
    const {
    const auto parsed = parse({argv + 1, argv + argc});
    switch (parsed.what) {
        case verdict::run:
            break;
        case verdict::help:
            std::cout << self.help;
            return 0;
        case verdict::version:
            std::cout << self.name << " " << self.version << "\n";
            return 0;
        case verdict::wrong:
            std::cerr << self.name << ": " << parsed.problem << "; see --help\n";
            return wrong_usage;
    }
    return std::nullopt;
}

}  // namespace pgw::base
