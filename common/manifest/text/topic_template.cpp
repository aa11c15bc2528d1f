// One scanner for braces; the two grammars on top of it.
#include "common/manifest/text/topic_template.hpp"

#include <algorithm>

namespace pgw::manifest {

namespace {

constexpr std::size_t max_variables = 32;
constexpr std::size_t max_name = 64;

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= max_name && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
           });
}

// Literal text, or what stands between a pair of braces.
struct token {
    bool is_literal = true;
    std::string text;
    std::size_t offset = 0;
};

// Splits into literals, with {{ and }} resolved, and the contents of braces.
std::variant<std::vector<token>, template_error> scan(std::string_view text) {
    std::vector<token> tokens;
    const auto append_literal = [&](char c, std::size_t at) {
        if (tokens.empty() || !tokens.back().is_literal) tokens.push_back({true, {}, at});
        tokens.back().text += c;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\0') return template_error{"a NUL character is not allowed", i};
        const bool doubled = i + 1 < text.size() && text[i + 1] == c;
        if ((c == '{' || c == '}') && doubled) {
            append_literal(c, i);
            ++i;
        } else if (c == '{') {
            const auto end = text.find('}', i);
            if (end == std::string_view::npos) {
                return template_error{"'{' is not closed; write '{{' for a literal brace", i};
            }
            tokens.push_back({false, std::string(text.substr(i + 1, end - i - 1)), i});
            i = end;
        } else if (c == '}') {
            return template_error{"'}' without '{'; write '}}' for a literal brace", i};
        } else {
            append_literal(c, i);
        }
    }
    return tokens;
}

std::string not_a_name(std::string_view name) {
    return "'" + std::string(name) +
           "' is not a variable name: a letter, then letters, digits, '_' or '-', at most " +
           std::to_string(max_name);
}

// Builds levels from tokens; the first error sticks.
class topic_builder {
public:
    void literal(const token& t) {
        for (std::size_t i = 0; i < t.text.size() && !error_; ++i) {
            const char c = t.text[i];
            if (c == '+' || c == '#') {
                fail(
                    "wildcards have no meaning in a template; use {name} and {*rest}", t.offset + i
                );
            } else if (c == '/') {
                end_level(t.offset + i);
            } else {
                add_character(c, t.offset + i);
            }
        }
    }

    void braces(const token& t) {
        std::string_view content = t.text;
        if (content.starts_with('*')) {
            whole_level(template_level::kind_type::rest, content.substr(1), {}, t.offset);
        } else if (const auto equals = content.find('='); equals != std::string_view::npos) {
            whole_level(
                template_level::kind_type::optional,
                content.substr(0, equals),
                content.substr(equals + 1),
                t.offset
            );
        } else if (is_whole()) {
            fail("a level with {*...} or {...=...} holds nothing else", t.offset);
        } else if (!level_.pieces.empty() && level_.pieces.back().kind == piece_kind::variable) {
            fail("two variables touch: nothing tells where the first one ends", t.offset);
        } else if (bind(content, t.offset)) {
            level_.pieces.push_back({piece_kind::variable, std::string(content)});
        }
    }

    std::variant<topic_template, template_error> finish(std::size_t size) {
        if (!error_) end_level(size);
        if (error_) return *error_;
        return std::move(result_);
    }

private:
    bool is_whole() const { return level_.kind != template_level::kind_type::pieces; }

    void fail(std::string text, std::size_t offset) {
        if (!error_) error_ = template_error{std::move(text), offset};
    }

    void add_character(char c, std::size_t offset) {
        if (is_whole()) return fail("a level with {*...} or {...=...} holds nothing else", offset);
        if (level_.pieces.empty() || level_.pieces.back().kind != piece_kind::literal) {
            level_.pieces.push_back({piece_kind::literal, {}});
        }
        level_.pieces.back().text += c;
    }

    void whole_level(
        template_level::kind_type kind,
        std::string_view name,
        std::string_view fallback,
        std::size_t offset
    ) {
        if (is_whole() || !level_.pieces.empty()) {
            return fail("{*...} and {...=...} must be a whole level", offset);
        }
        if (fallback.find_first_of("/+#{") != std::string_view::npos) {
            return fail("a default is one level without '/', '+', '#' and braces", offset);
        }
        if (!bind(name, offset)) return;
        level_.kind = kind;
        level_.pieces.push_back({piece_kind::variable, std::string(name)});
        level_.fallback = fallback;
    }

    bool bind(std::string_view name, std::size_t offset) {
        if (!is_name(name)) {
            fail(not_a_name(name), offset);
        } else if (std::find(names_.begin(), names_.end(), name) != names_.end()) {
            fail("'" + std::string(name) + "' is bound twice", offset);
        } else if (names_.size() == max_variables) {
            fail("more than " + std::to_string(max_variables) + " variables", offset);
        } else {
            names_.emplace_back(name);
            return true;
        }
        return false;
    }

    void end_level(std::size_t offset) {
        if (!result_.levels.empty()) {
            const auto before = result_.levels.back().kind;
            if (before == template_level::kind_type::rest) {
                return fail("{*...} must be the last level", offset);
            }
            if (before == template_level::kind_type::optional &&
                level_.kind != template_level::kind_type::optional) {
                return fail("only optional levels may follow {...=...}", offset);
            }
        }
        result_.levels.push_back(std::move(level_));
        level_ = {};
    }

    topic_template result_;
    template_level level_;
    std::vector<std::string> names_;
    std::optional<template_error> error_;
};

}  // namespace

std::vector<std::string> topic_template::variables() const {
    std::vector<std::string> names;
    for (const auto& level : levels) {
        for (const auto& piece : level.pieces) {
            if (piece.kind == piece_kind::variable) names.push_back(piece.text);
        }
    }
    return names;
}

std::vector<std::string> value_template::variables() const {
    std::vector<std::string> names;
    for (const auto& piece : pieces) {
        if (piece.kind != piece_kind::variable) continue;
        if (std::find(names.begin(), names.end(), piece.text) == names.end()) {
            names.push_back(piece.text);
        }
    }
    return names;
}

bool value_template::is_constant() const noexcept {
    return std::all_of(pieces.begin(), pieces.end(), [](const template_piece& piece) {
        return piece.kind == piece_kind::literal;
    });
}

std::variant<topic_template, template_error> parse_topic_template(std::string_view text) {
    if (text.empty()) return template_error{"a topic template must not be empty", 0};
    auto scanned = scan(text);
    if (auto* error = std::get_if<template_error>(&scanned)) return std::move(*error);
    topic_builder builder;
    for (const auto& t : std::get<std::vector<token>>(scanned)) {
        if (t.is_literal) {
            builder.literal(t);
        } else {
            builder.braces(t);
        }
    }
    return builder.finish(text.size());
}

std::variant<value_template, template_error> parse_value_template(std::string_view text) {
    auto scanned = scan(text);
    if (auto* error = std::get_if<template_error>(&scanned)) return std::move(*error);
    value_template result;
    std::size_t variables = 0;
    for (auto& t : std::get<std::vector<token>>(scanned)) {
        if (!t.is_literal && !is_name(t.text)) return template_error{not_a_name(t.text), t.offset};
        if (!t.is_literal && ++variables > max_variables) {
            return template_error{
                "more than " + std::to_string(max_variables) + " variables", t.offset
            };
        }
        result.pieces.push_back(
            {t.is_literal ? piece_kind::literal : piece_kind::variable, std::move(t.text)}
        );
    }
    return result;
}

}  // namespace pgw::manifest
