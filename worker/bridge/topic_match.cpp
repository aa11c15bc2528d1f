// The matcher.
#include "worker/bridge/topic_match.hpp"

#include <algorithm>

namespace pgw::bridge {
namespace {

using manifest::piece_kind;
using kind_type = manifest::template_level::kind_type;

/// Matches one level. A variable takes up to the next occurrence of the literal behind it; the last
/// one takes what is left.
bool match_level(
    const std::vector<manifest::template_piece>& pieces,
    std::string_view level,
    captures& captured,
    std::size_t& next
) noexcept {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (pieces[i].kind == piece_kind::literal) {
            if (!level.starts_with(pieces[i].text)) return false;
            level.remove_prefix(pieces[i].text.size());
            continue;
        }
        std::size_t size = level.size();
        if (i + 1 < pieces.size()) {
            const auto& stop = pieces[i + 1].text;
            // The last literal must end the level, so search it from the back.
            size = i + 2 == pieces.size() ? level.rfind(stop) : level.find(stop, 1);
            if (size == std::string_view::npos) return false;
        }
        if (size == 0) return false;
        captured.values[next++] = level.substr(0, size);
        level.remove_prefix(size);
    }
    return level.empty();
}

constexpr std::pair<std::string_view, std::string_view builtin_values::*> builtin_names[] = {
    {"clientId", &builtin_values::client_id},
    {"identity", &builtin_values::identity},
    {"userName", &builtin_values::user_name},
    {"listener", &builtin_values::listener},
    {"topic", &builtin_values::topic},
};

}  // namespace

bool match(
    const manifest::topic_template& pattern, std::string_view topic, captures& captured
) noexcept {
    std::size_t next = 0;
    bool more = true;  // levels of the topic are left
    bool first = true;
    for (const auto& level : pattern.levels) {
        const bool begins_with_variable =
            level.kind != kind_type::pieces ||
            (!level.pieces.empty() && level.pieces.front().kind == piece_kind::variable);
        if (first && begins_with_variable && topic.starts_with('$')) return false;
        first = false;
        if (level.kind == kind_type::rest) {
            if (!more) return false;
            captured.values[next++] = topic;
            return true;
        }
        if (!more) {
            if (level.kind != kind_type::optional) return false;
            captured.values[next++] = level.fallback;
            continue;
        }
        const auto slash = topic.find('/');
        const auto text = topic.substr(0, slash);
        more = slash != std::string_view::npos;
        if (more) topic.remove_prefix(slash + 1);
        if (level.kind == kind_type::optional) {
            captured.values[next++] = text.empty() ? std::string_view(level.fallback) : text;
        } else if (!match_level(level.pieces, text, captured, next)) {
            return false;
        }
    }
    return !more;
}

compiled_value::compiled_value(const std::string& text, const std::vector<std::string>& bound) {
    const auto parsed = manifest::parse_value_template(text);
    const auto* value = std::get_if<manifest::value_template>(&parsed);
    if (value == nullptr) return;
    if (value->is_constant()) {
        for (const auto& p : value->pieces) constant_ += p.text;
        return;
    }
    for (const auto& p : value->pieces) {
        piece compiled;
        if (p.kind == piece_kind::literal) {
            compiled.literal = p.text;
        } else if (const auto at = std::find(bound.begin(), bound.end(), p.text);
                   at != bound.end()) {
            compiled.capture = static_cast<std::int16_t>(at - bound.begin());
        } else {
            for (const auto& [name, member] : builtin_names) {
                if (name == p.text) compiled.builtin = member;
            }
        }
        pieces_.push_back(std::move(compiled));
    }
}

void compiled_value::append(
    std::string& out, const captures& captured, const builtin_values& builtins
) const {
    if (pieces_.empty()) {
        out += constant_;
        return;
    }
    for (const auto& p : pieces_) {
        if (p.capture >= 0) {
            out += captured.values[static_cast<std::size_t>(p.capture)];
        } else if (p.builtin != nullptr) {
            out += builtins.*p.builtin;
        } else {
            out += p.literal;
        }
    }
}

}  // namespace pgw::bridge
