// The scalar syntaxes of the manifest: durations, sizes, endpoints, names.
#pragma once

#include "common/base/clock.hpp"
#include "common/manifest/model/gateway.hpp"
#include "common/manifest/model/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace pgw::manifest {

/// `250ms`, `30s`, `5m`, `1h`, `1m30s`: whole numbers with units, each unit once and falling; at
/// most 32 characters.
std::optional<base::milliseconds> parse_duration(std::string_view text);
/// The shortest text that parses to the same duration.
std::string print_duration(base::milliseconds value);

/// A whole number of bytes as a Kubernetes quantity with the suffixes k, M, G, T, Ki, Mi, Gi, Ti;
/// at most 32 characters.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string print_size(std::uint64_t value);

/// `amqp://host[:port]` or `amqps://host[:port]`, IPv6 in brackets; the error is in words.
std::variant<endpoint, std::string> parse_endpoint(std::string_view text);
std::string print_endpoint(const endpoint& endpoint);

/// What is wrong with the text as this kind, or nullopt.
std::optional<std::string> check_text(text_kind kind, const std::string& text);

/// What is wrong with an entry of such a map, or nullopt.
std::optional<std::string> check_entry(
    map_kind kind, const std::string& key, const std::string& value
);

/// `'text'`, cut and with control characters made visible, for messages.
std::string in_quotes(std::string_view text);

}  // namespace pgw::manifest
