// Builds the tree from yaml-cpp's events, so that bounds hold while it is built and no alias is
// ever expanded.
#include "common/manifest/read/document.hpp"

#include "common/base/json_text.hpp"
#include "common/manifest/text/scalars.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <istream>
#include <streambuf>

namespace pgw::manifest {

namespace {

mark mark_of(const YAML::Mark& m) {
    return {m.line + 1, m.column + 1};
}

// Leaves the parser when going on is pointless or unbounded.
struct stop {
    problem cause;
};

class tree_builder final : public YAML::EventHandler {
public:
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
        const auto kind = tag == "!" ? node::kind_type::text : node::kind_type::plain;
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
    std::vector<problem> take_problems() { return std::move(problems_); }

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
        throw stop{{path(), std::move(text), at.line, at.column}};
    }

    void count(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor) {
        if (++nodes_ > max_manifest_nodes) {
            refuse("the manifest has more than 100000 nodes", mark_of(at));
        }
        if (anchor != YAML::NullAnchor) refuse("anchors are not allowed", mark_of(at));
        if (!tag.empty() && tag != "?" && tag != "!") {
            refuse("tags are not allowed", mark_of(at));
        }
    }

    void open(
        const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, node::kind_type kind
    ) {
        count(at, tag, anchor);
        if (frames_.size() == max_manifest_depth) refuse("is nested too deeply", mark_of(at));
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
            problems_.push_back(
                {prefix.empty() ? sorted[i]->key : prefix + "." + sorted[i]->key,
                 "is given twice",
                 sorted[i]->mark.line,
                 sorted[i]->mark.column}
            );
        }
    }

    std::vector<frame> frames_;
    std::size_t nodes_ = 0;
    node root_;
    std::vector<problem> problems_;
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

// The place of the first byte that is not UTF-8 or is no text.
std::optional<problem> find_bad_byte(std::string_view text) {
    int line = 1;
    int column = 1;
    while (!text.empty()) {
        const auto length = base::utf8_sequence_length(text);
        if (length == 0) return problem{{}, "is not valid UTF-8", line, column};
        const auto c = static_cast<unsigned char>(text.front());
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            return problem{{}, "holds a control character", line, column};
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

std::variant<node, std::vector<problem>> parse_document(std::string_view text) {
    if (text.size() > max_manifest_bytes) {
        return std::vector{problem{{}, "the manifest is larger than 1 MiB", 0, 0}};
    }
    if (auto bad = find_bad_byte(text)) return std::vector{std::move(*bad)};
    try {
        view_buffer buffer(text);
        std::istream stream(&buffer);
        YAML::Parser parser(stream);
        tree_builder builder;
        if (!parser.HandleNextDocument(builder)) {
            return std::vector{problem{{}, "the manifest is empty", 0, 0}};
        }
        tree_builder second;
        if (parser.HandleNextDocument(second)) {
            const auto at = second.take_root().mark;
            return std::vector{problem{{}, "there is more than one document", at.line, at.column}};
        }
        if (auto problems = builder.take_problems(); !problems.empty()) return problems;
        return builder.take_root();
    } catch (const stop& stopped) {
        return std::vector{stopped.cause};
    } catch (const YAML::Exception& error) {
        const auto at = mark_of(error.mark);
        return std::vector{problem{{}, "is not valid YAML: " + error.msg, at.line, at.column}};
    } catch (const std::exception& error) {
        return std::vector{problem{{}, std::string("cannot be read: ") + error.what(), 0, 0}};
    }
}

}  // namespace pgw::manifest
