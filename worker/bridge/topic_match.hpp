// Matching a topic against a compiled template, and filling value templates with what it caught. No
// allocation while matching.
#pragma once

#include "common/manifest/text/topic_template.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::bridge {

/// What the variables of a match stand for, by index; views into the topic or the template.
struct captures {
    std::array<std::string_view, 32> values;
};

/// Whether `topic` matches; fills `captured` in the order of topic_template::variables(). A
/// variable never matches the first level of a topic that begins with `$` (MQTT 5.0 section 4.7.2):
/// such topics are matched by literals only.
bool match(
    const manifest::topic_template& pattern, std::string_view topic, captures& captured
) noexcept;

/// Values that exist without a match.
struct builtin_values {
    std::string_view client_id;
    std::string_view identity;
    std::string_view user_name;
    std::string_view listener;
    std::string_view topic;
};

/// A value template whose variables are resolved to indices.
class compiled_value {
public:
    compiled_value() = default;
    /// `bound`: the names that the match binds, in order. Unknown names were refused by validation.
    compiled_value(const std::string& text, const std::vector<std::string>& bound);

    bool is_constant() const noexcept { return pieces_.empty(); }
    /// The text when constant.
    const std::string& constant() const noexcept { return constant_; }
    void append(std::string& out, const captures& captured, const builtin_values& builtins) const;

private:
    struct piece {
        std::string literal;
        std::int16_t capture = -1;  ///< -1: not a capture.
        std::string_view builtin_values::* builtin = nullptr;
    };
    std::string constant_;
    std::vector<piece> pieces_;
};

}  // namespace pgw::bridge
