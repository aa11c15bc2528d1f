// Built from yaml-cpp's events, so that bounds hold while it is built and no alias is expanded.
#include "common/kube/yaml_value.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <utility>
#include <vector>

namespace pgw::kube {

namespace {

namespace json = boost::json;

struct refusal {
    std::string text;
};

[[noreturn]] void refuse(const YAML::Mark& at, const std::string& what) {
    throw refusal{"line " + std::to_string(at.line + 1) + ": " + what};
}

json::value plain_value(const std::string& text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
        return nullptr;
    }
    for (const auto* yes : {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}) {
        if (text == yes) return true;
    }
    for (const auto* no : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}) {
        if (text == no) return false;
    }
    std::int64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, number);
    // 007 and the like stay what they are written as.
    if (failure == std::errc() && stop == end && std::to_string(number) == text) return number;
    return json::string(text);
}

class value_builder final : public YAML::EventHandler {
public:
    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
        refuse(at, "aliases are not allowed");
    }
    void OnNull(const YAML::Mark& at, YAML::anchor_t) override {
        count(at);
        add(at, nullptr, "");
    }
    void OnScalar(
        const YAML::Mark& at, const std::string& tag, YAML::anchor_t, const std::string& text
    ) override {
        count(at);
        if (tag == "!" || tag == "tag:yaml.org,2002:str") {
            add(at, json::string(text), text);
        } else if (tag.empty() || tag == "?") {
            add(at, plain_value(text), text);
        } else {
            refuse(at, "tags are not allowed");
        }
    }
    void OnSequenceStart(
        const YAML::Mark& at, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value
    ) override {
        open(at, json::array());
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(
        const YAML::Mark& at, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value
    ) override {
        open(at, json::object());
    }
    void OnMapEnd() override { close(); }

    json::value take() { return std::move(root_); }

private:
    struct frame {
        YAML::Mark begin;
        json::value value;
        std::optional<std::string> key;
    };

    void count(const YAML::Mark& at) {
        if (++nodes_ > max_yaml_nodes) refuse(at, "there are too many values");
    }

    bool wants_key() const {
        return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().key;
    }

    void open(const YAML::Mark& at, json::value empty) {
        count(at);
        if (frames_.size() == max_yaml_depth) refuse(at, "it is nested too deeply");
        if (wants_key()) refuse(at, "a key must be text");
        frames_.push_back({at, std::move(empty), std::nullopt});
    }

    void close() {
        auto done = std::move(frames_.back());
        frames_.pop_back();
        add(done.begin, std::move(done.value), "");
    }

    void add(const YAML::Mark& at, json::value value, const std::string& text) {
        if (frames_.empty()) {
            root_ = std::move(value);
            return;
        }
        auto& top = frames_.back();
        if (auto* list = top.value.if_array()) {
            list->push_back(std::move(value));
        } else if (!top.key) {
            if (value.is_null()) refuse(at, "a key must be text");
            top.key = text;
        } else {
            top.value.get_object().insert_or_assign(*top.key, std::move(value));
            top.key.reset();
        }
    }

    std::vector<frame> frames_;
    std::size_t nodes_ = 0;
    json::value root_;
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
bool opens_too_many(std::string_view text) {
    std::size_t depth = 0;
    for (const char c : text) {
        if (c == '[' || c == '{') {
            if (++depth > 32 * max_yaml_depth) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

std::optional<json::value> read_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = max_yaml_depth;
    boost::system::error_code failure;
    auto value = json::parse(text, failure, {}, options);
    if (failure) return std::nullopt;
    return value;
}

}  // namespace

std::variant<json::value, std::string> read_yaml(std::string_view text) {
    if (text.size() > max_yaml_bytes) return std::string("it is larger than 1 MiB");
    if (text.find('\0') != std::string_view::npos) return std::string("it is no text");
    if (opens_too_many(text)) return std::string("it is nested too deeply");
    // Not all JSON is YAML as yaml-cpp reads it: tabs, escapes.
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && text[first] == '{') {
        if (auto value = read_json(text)) return std::move(*value);
    }
    try {
        view_buffer buffer(text);
        std::istream stream(&buffer);
        YAML::Parser parser(stream);
        value_builder builder;
        if (!parser.HandleNextDocument(builder)) return json::value(nullptr);
        return builder.take();
    } catch (const refusal& refused) {
        return refused.text;
    } catch (const YAML::Exception& failure) {
        return "line " + std::to_string(failure.mark.line + 1) +
               ": it is not valid YAML: " + failure.msg;
    } catch (const std::exception& failure) {
        return std::string("it cannot be read: ") + failure.what();
    }
}

}  // namespace pgw::kube
