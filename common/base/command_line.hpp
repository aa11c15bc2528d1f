// The command line of a program: options as a table, and one wording for what is wrong.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::base {

/// The whole text as a decimal number of that type, in its range.
template <class Number>
std::optional<Number> parse_number(std::string_view text);

extern template std::optional<std::uint16_t> parse_number(std::string_view);
extern template std::optional<std::uint32_t> parse_number(std::string_view);
extern template std::optional<std::uint64_t> parse_number(std::string_view);
extern template std::optional<std::int64_t> parse_number(std::string_view);
extern template std::optional<double> parse_number(std::string_view);

/// The options that a program takes. The names must outlive it. Options stand in any order, `--name`
/// or `--name VALUE`; one that is given again counts as its taker decides, mostly the last.
class command_line {
public:
    /// What is wrong with the value, to be read after it: "is not a port". Empty: nothing.
    using taker = std::function<std::string(std::string_view value)>;

    command_line& flag(std::string_view name, bool& target);
    command_line& flag(std::string_view name, std::function<void()> given);
    command_line& value(std::string_view name, taker take);
    /// Any text, also none.
    command_line& text(std::string_view name, std::string& target);
    command_line& text_that_is_not_empty(std::string_view name, std::string& target);
    command_line& port(std::string_view name, std::uint16_t& target);
    command_line& port(std::string_view name, std::optional<std::uint16_t>& target);
    template <std::integral Integer>
    command_line& number(std::string_view name, Integer lowest, Integer highest, Integer& target) {
        return number_in(
            name,
            static_cast<std::int64_t>(lowest),
            static_cast<std::int64_t>(highest),
            [&target](std::int64_t value) { target = static_cast<Integer>(value); }
        );
    }
    /// Takes what does not begin with `--`; without it there is no such argument.
    command_line& positional(taker take);

    enum class verdict : std::uint8_t { run, help, version, wrong };
    struct outcome {
        verdict what = verdict::run;
        std::string problem{};  ///< Of `wrong`.
    };
    /// Stops at the first --help, --version or problem.
    outcome parse(const std::vector<std::string_view>& arguments) const;

    /// The same for main(): answers --help and --version on standard output and a problem on
    /// standard error, and gives the exit code; nullopt: the program runs.
    struct program {
        std::string_view name;
        std::string_view version;
        std::string_view help;
    };
    std::optional<int> parse(const program& self, int argc, const char* const* argv) const;

    static constexpr int wrong_usage = 2;

private:
    command_line& number_in(
        std::string_view name,
        std::int64_t lowest,
        std::int64_t highest,
        std::function<void(std::int64_t)> set
    );

    std::map<std::string_view, std::function<void()>> flags_;
    std::map<std::string_view, taker> values_;
    taker positional_;
};

}  // namespace pgw::base
