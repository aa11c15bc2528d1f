// Formats log lines: JSON objects, or text for people.
#include "common/base/log.hpp"

#include "common/base/json_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace pgw::base {

namespace {

// RFC 3339 in UTC with milliseconds.
void append_time(std::string& out, std::chrono::system_clock::time_point now) {
    const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch());
    const auto whole = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const auto seconds = static_cast<std::time_t>(whole.count());
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 64> text;
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    out.append(text.data(), length);
    std::snprintf(
        text.data(), text.size(), ".%03dZ", static_cast<int>((since_epoch - whole).count())
    );
    out += text.data();
}

template <class Number>
void append_number(std::string& out, Number value) {
    std::array<char, 64> text;
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), end);
}

// Plain words stay bare in text lines; everything else is quoted and escaped, so that a value can
// neither fake a field nor reach the terminal as a control sequence.
bool is_plain(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
    });
}

void append_text_value(std::string& out, std::string_view text) {
    if (is_plain(text)) {
        out += text;
    } else {
        append_visible_string(out, text);
    }
}

struct value_appender {
    std::string& out;
    log_format format;

    void operator()(std::string_view v) const {
        if (format == log_format::json) {
            append_visible_string(out, v);
        } else {
            append_text_value(out, v);
        }
    }
    void operator()(bool v) const { out += v ? "true" : "false"; }
    void operator()(std::int64_t v) const { append_number(out, v); }
    void operator()(std::uint64_t v) const { append_number(out, v); }
    void operator()(double v) const {
        // JSON has no infinities and no NaN.
        if (std::isfinite(v)) {
            append_number(out, v);
        } else {
            out += "null";
        }
    }
};

void append_field(std::string& out, const log_field& field, log_format format) {
    if (format == log_format::json) {
        out += ',';
        append_visible_string(out, field.key);
        out += ':';
    } else {
        out += ' ';
        append_text_value(out, field.key);
        out += '=';
    }
    std::visit(value_appender{out, format}, field.value);
}

void write_to_stderr(std::string_view line) {
    while (!line.empty()) {
        const auto n = ::write(STDERR_FILENO, line.data(), line.size());
        if (n < 0 && errno == EINTR) continue;
        // A log that cannot be written has nowhere to be reported.
        if (n <= 0) return;
        line.remove_prefix(static_cast<std::size_t>(n));
    }
}

}  // namespace

std::string_view name(log_level level) noexcept {
    constexpr std::array<std::string_view, 6> names{
        "trace", "debug", "info", "warn", "error", "off"
    };
    return names[std::min<std::size_t>(static_cast<std::size_t>(level), names.size() - 1)];
}

log_sink::log_sink(log_level level, log_format format, writer write)
    : level_(level), format_(format), write_(write ? std::move(write) : writer(write_to_stderr)) {}

void log_sink::write(
    log_level level,
    std::string_view message,
    std::string_view bound_json,
    std::string_view bound_text,
    std::initializer_list<log_field> fields
) {
    std::string line;
    line.reserve(256);
    if (format_ == log_format::json) {
        line += "{\"time\":\"";
        append_time(line, std::chrono::system_clock::now());
        line += "\",\"level\":\"";
        line += name(level);
        line += "\",\"message\":";
        append_visible_string(line, message);
        line += bound_json;
        for (const auto& field : fields) append_field(line, field, format_);
        line += "}\n";
    } else {
        append_time(line, std::chrono::system_clock::now());
        line += ' ';
        const auto label = name(level);
        line += label;
        line.append(label.size() < 6 ? 6 - label.size() : 1, ' ');
        line += message;
        line += bound_text;
        for (const auto& field : fields) append_field(line, field, format_);
        line += '\n';
    }
    const std::lock_guard lock(mutex_);
    write_(line);
}

logger logger::with(std::initializer_list<log_field> fields) const {
    auto bound = *this;
    if (!sink_) return bound;
    for (const auto& field : fields) {
        append_field(bound.bound_json_, field, log_format::json);
        append_field(bound.bound_text_, field, log_format::text);
    }
    return bound;
}

}  // namespace pgw::base
