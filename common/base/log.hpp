// Structured logging: a constant message and typed fields, one JSON object a line (or a readable
// line on a terminal).
//
// Shells log; pure code does not. Never log a payload, a password or a token. The level is checked
// before anything is formatted, so a disabled call costs one relaxed load.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace pgw::base {

enum class log_level : std::uint8_t { trace, debug, info, warn, error, off };

/// `info` and so on, as it stands in JSON lines.
std::string_view name(log_level level) noexcept;

/// One typed key and value. The views need to live only for the call.
struct log_field {
    using value_type = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

    log_field(std::string_view k, std::string_view v) : key(k), value(v) {}
    log_field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
    log_field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
    log_field(std::string_view k, bool v) : key(k), value(v) {}
    log_field(std::string_view k, double v) : key(k), value(v) {}
    template <class Integer>
        requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>)
    log_field(std::string_view k, Integer v) : key(k) {
        if constexpr (std::is_signed_v<Integer>) {
            value = static_cast<std::int64_t>(v);
        } else {
            value = static_cast<std::uint64_t>(v);
        }
    }

    std::string_view key;
    value_type value;
};

enum class log_format : std::uint8_t { json, text };

/// Where finished lines go and which level is on. Shared by all loggers made from it; write is
/// serialised inside.
class log_sink {
public:
    using writer = std::function<void(std::string_view line)>;

    /// `write` gets each line with its newline. The default writes to standard error in one
    /// write(2).
    explicit log_sink(log_level level, log_format format, writer write = {});
    log_sink(const log_sink&) = delete;
    log_sink& operator=(const log_sink&) = delete;

    bool enabled(log_level level) const noexcept {
        return level >= level_.load(std::memory_order_relaxed);
    }
    void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }
    /// Formats and writes one line. The bound texts are what `logger::with` made of its fields.
    void write(
        log_level level,
        std::string_view message,
        std::string_view bound_json,
        std::string_view bound_text,
        std::initializer_list<log_field> fields
    );

private:
    std::atomic<log_level> level_;
    log_format format_;
    std::mutex mutex_;  // around write_
    writer write_;
};

/// A handle: a shared sink and the fields bound to it. Cheap to copy; safe to use from any thread.
class logger {
public:
    logger() = default;  ///< Logs nothing.
    explicit logger(std::shared_ptr<log_sink> sink) : sink_(std::move(sink)) {}

    /// The same sink with more bound fields.
    logger with(std::initializer_list<log_field> fields) const;

    bool enabled(log_level level) const noexcept { return sink_ && sink_->enabled(level); }
    void log(
        log_level level, std::string_view message, std::initializer_list<log_field> fields = {}
    ) const {
        if (enabled(level)) sink_->write(level, message, bound_json_, bound_text_, fields);
    }
    void debug(std::string_view message, std::initializer_list<log_field> fields = {}) const {
        log(log_level::debug, message, fields);
    }
    void info(std::string_view message, std::initializer_list<log_field> fields = {}) const {
        log(log_level::info, message, fields);
    }
    void warn(std::string_view message, std::initializer_list<log_field> fields = {}) const {
        log(log_level::warn, message, fields);
    }
    void error(std::string_view message, std::initializer_list<log_field> fields = {}) const {
        log(log_level::error, message, fields);
    }

private:
    std::shared_ptr<log_sink> sink_;
    std::string bound_json_;
    std::string bound_text_;
};

}  // namespace pgw::base
