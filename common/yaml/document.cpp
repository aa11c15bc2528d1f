// Builds the tree from yaml-cpp's events, so that bounds hold while it is built and no alias is
// ever expanded.
#include "common/yaml/document.hpp"

#include "common/base/json_text.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <istream>
#include <optional>
#include <streambuf>

namespace pgw::yaml {

namespace {

constexpr const char* string_tag = "tag:yaml.org,2002:str";

mark mark_of(const YAML::Mark& m) {
    return {m.line + 1, m.column + 1};
}

// Leaves the parser when going on is pointless or unbounded.
struct stop {
    fault cause;
};

class tree_builder final : public YAML::EventHandler {
public:
    explicit tree_builder(const rules& r) : rules_(r) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
        refuse("aliases are not allowed", mark_of(at));
    }
    void OnAnchor(const YAML::Mark& at, const std::string&) override {
        refuse("anchors are not allowed", mark_of(at));
    }
    void OnNull(const YAML::Mark& at, YAML::anchor_t anchor) override {
        count(at, {}, anchor);
        add({node::kind_type::null, mark_of(at), {}, {}, {}});
    }
    void OnScalar(
        const YAML::Mark& at,
        const std::string& tag,
        YAML::anchor_t anchor,
        const std::string& value
    ) override {
        count(at, tag, anchor);
        const bool is_text = tag == "!" || tag == string_tag;
        const auto kind = is_text ? node::kind_type::text : node::kind_type::plain;
        add({kind, mark_of(at), value, {}, {}});
    }
    void OnSequenceStart(
        const YAML::Mark& at,
        const std::string& tag,
        YAML::anchor_t anchor,
        YAML::EmitterStyle::value
    ) override {
        open(at, tag, anchor, node::kind_type::list);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(
        const YAML::Mark& at,
        const std::string& tag,
        YAML::anchor_t anchor,
        YAML::EmitterStyle::value
    ) override {
        open(at, tag, anchor, node::kind_type::object);
    }
    void OnMapEnd() override {
        refuse_duplicates();
        close();
    }

    node take_root() { return std::move(root_); }
    std::vector<fault> take_faults() { return std::move(faults_); }

private:
    struct frame {
        node value;
        bool has_key = false;
        std::string key;
        mark key_mark;
    };

    std::string path() const {
        std::string text;
        for (const auto& f : frames_) {
            if (f.value.kind == node::kind_type::list) {
                text += "[" + std::to_string(f.value.items.size()) + "]";
            } else if (f.has_key) {
                if (!text.empty()) text += '.';
                text += f.key;
            }
        }
        return text;
    }

    [[noreturn]] void refuse(std::string text, mark at) {
        throw stop{{path(), std::move(text), at}};
    }

    void count(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor) {
        if (++nodes_ > rules_.max_nodes) {
            refuse("has more than " + std::to_string(rules_.max_nodes) + " nodes", mark_of(at));
        }
        if (anchor != YAML::NullAnchor) refuse("anchors are not allowed", mark_of(at));
        if (!tag.empty() && tag != "?" && tag != "!" && tag != string_tag) {
            refuse("tags are not allowed", mark_of(at));
        }
    }

    void open(
        const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, node::kind_type kind
    ) {
        count(at, tag, anchor);
        if (frames_.size() == rules_.max_depth) refuse("is nested too deeply", mark_of(at));
        if (wants_key()) refuse("a key must be text", mark_of(at));
        frames_.push_back({{kind, mark_of(at), {}, {}, {}}, false, {}, {}});
    }

    void close() {
        auto done = std::move(frames_.back().value);
        frames_.pop_back();
        add(std::move(done));
    }

    bool wants_key() const {
        return !frames_.empty() && frames_.back().value.kind == node::kind_type::object &&
               !frames_.back().has_key;
    }

    void add(node value) {
        if (frames_.empty()) {
            root_ = std::move(value);
            return;
        }
        auto& top = frames_.back();
        if (top.value.kind == node::kind_type::list) {
            top.value.items.push_back(std::move(value));
        } else if (wants_key()) {
            if (!value.is_scalar()) refuse("a key must be text", value.mark);
            top.key = std::move(value.scalar);
            top.key_mark = value.mark;
            top.has_key = true;
        } else {
            top.value.members.push_back({std::move(top.key), top.key_mark, std::move(value)});
            top.has_key = false;
        }
    }

    void refuse_duplicates() {
        auto& members = frames_.back().value.members;
        std::vector<const member*> sorted;
        sorted.reserve(members.size());
        for (const auto& m : members) sorted.push_back(&m);
        // The later of two equal keys is the one reported: ties keep the order of the text.
        std::sort(sorted.begin(), sorted.end(), [](const member* a, const member* b) {
            const auto order = a->key.compare(b->key);
            return order != 0 ? order < 0 : std::less<>{}(a, b);
        });
        for (std::size_t i = 1; i < sorted.size(); ++i) {
            if (sorted[i]->key != sorted[i - 1]->key) continue;
            const auto prefix = path();
            faults_.push_back(
                {prefix.empty() ? sorted[i]->key : prefix + "." + sorted[i]->key,
                 "is given twice",
                 sorted[i]->mark}
            );
        }
    }

    const rules& rules_;
    std::vector<frame> frames_;
    std::size_t nodes_ = 0;
    node root_;
    std::vector<fault> faults_;
};

// Reads from a view without a copy.
class view_buffer final : public std::streambuf {
public:
    explicit view_buffer(std::string_view text) {
        // The get area is never written to: nothing puts characters back that differ.
        auto* begin = const_cast<char*>(text.data());
        setg(begin, begin, begin + text.size());
    }
};

// Whether brackets alone say that the text is a bomb. yaml-cpp reads to the pair of a bracket
// before it tells of it, which costs seconds for a megabyte of them; those in quotes count here as
// well.
bool opens_too_many(std::string_view text, std::size_t max_depth) {
    std::size_t depth = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') {
            if (++depth > 32 * max_depth) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

// The place of the first byte that is not UTF-8 or is no text.
std::optional<fault> find_bad_byte(std::string_view text) {
    int line = 1;
    int column = 1;
    while (!text.empty()) {
        const auto length = base::utf8_sequence_length(text);
        if (length == 0) return fault{{}, "is not valid UTF-8", {line, column}};
        const auto c = static_cast<unsigned char>(text.front());
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            return fault{{}, "holds a control character", {line, column}};
        }
        ++column;
        if (c == '\n') {
            ++line;
            column = 1;
        }
        text.remove_prefix(length);
    }
    return std::nullopt;
}

}  // namespace

const member* node::find(std::string_view key) const noexcept {
    const auto found =
        std::find_if(members.begin(), members.end(), [&](const member& m) { return m.key == key; });
    return found == members.end() ? nullptr : &*found;
}

std::variant<node, std::vector<fault>> parse(std::string_view text, const rules& rules) {
    const auto refused = [](std::string what, mark at = {}) {
        return std::vector{fault{{}, std::move(what), at}};
    };
    if (text.size() > rules.max_bytes) {
        return refused("is larger than " + std::to_string(rules.max_bytes >> 20) + " MiB");
    }
    if (auto bad = find_bad_byte(text)) return std::vector{std::move(*bad)};
    if (opens_too_many(text, rules.max_depth)) return refused("is nested too deeply");
    try {
        view_buffer buffer(text);
        std::istream stream(&buffer);
        YAML::Parser parser(stream);
        tree_builder builder(rules);
        if (!parser.HandleNextDocument(builder)) {
            if (rules.may_be_empty) return node{};
            return refused("is empty");
        }
        if (rules.one_document) {
            tree_builder second(rules);
            if (parser.HandleNextDocument(second)) {
                return refused("there is more than one document", second.take_root().mark);
            }
        }
        if (auto faults = builder.take_faults(); !faults.empty()) return faults;
        return builder.take_root();
    } catch (const stop& stopped) {
        return std::vector{stopped.cause};
    } catch (const YAML::Exception& error) {
        return refused("is not valid YAML: " + error.msg, mark_of(error.mark));
    } catch (const std::exception& error) {
        return refused(std::string("cannot be read: ") + error.what());
    }
}

}  // namespace pgw::yaml
