// A bounded reader of AMQP 1.0 values (part 1) and bare messages (part 3.2). Pure; no Proton.
//
// It never reads past the end it was given, never recurses and never allocates. Every function
// answers nullopt or false when the bytes are malformed or not of the kind asked for.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/amqp/encoding.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace pgw::amqp {

/// How many descriptors may stand inside one another in a value that is skipped.
inline constexpr int max_described_depth = 16;

/// A value of a primitive type without its own structure.
struct scalar {
    enum class type : std::uint8_t {
        null,
        boolean,
        unsigned_int,
        signed_int,
        text,
        symbol,
        binary
    };
    type kind = type::null;
    std::uint64_t number = 0;  ///< boolean, unsigned_int; signed_int in two's complement.
    base::bytes_view bytes;    ///< text, symbol, binary.

    std::string_view text() const noexcept { return base::as_text(bytes); }
};

class value_reader;

/// The inside of a list or map.
struct compound {
    std::uint32_t count = 0;  ///< As claimed; the reader ends where the bytes end.
    base::bytes_view body;
};

/// Reads one value after the other.
class value_reader {
public:
    explicit value_reader(base::bytes_view bytes) noexcept : rest_(bytes) {}

    bool at_end() const noexcept { return rest_.empty(); }
    base::bytes_view rest() const noexcept { return rest_; }

    /// Any value, described ones too: its whole encoding.
    std::optional<base::bytes_view> skip() noexcept;
    /// Null, boolean, integers, timestamp, string, symbol, binary. On nullopt nothing was read.
    std::optional<scalar> read_scalar() noexcept;
    std::optional<compound> read_list() noexcept;
    std::optional<compound> read_map() noexcept;
    /// The descriptor of a described value, if it is a ulong; the value itself comes next.
    std::optional<std::uint64_t> read_descriptor() noexcept;

private:
    std::optional<std::uint64_t> take_number(std::size_t width) noexcept;
    std::optional<base::bytes_view> take(std::size_t size) noexcept;
    std::optional<compound> read_compound(std::uint8_t base_code, bool empty_form) noexcept;

    base::bytes_view rest_;
};

/// Whether the value at the beginning of `bytes` is whole and nowhere nested deeper than `deepest`
/// (at most 32): lists, maps and descriptors count. Arrays may hold simple values only. Nor may there
/// be more than `most_values` of all kinds, elements of arrays too.
bool nesting_within(
    base::bytes_view bytes,
    int deepest,
    std::size_t most_values = std::numeric_limits<std::size_t>::max()
) noexcept;

/// One section of a message.
struct section_view {
    section kind = section::data;
    base::bytes_view encoded;  ///< With its descriptor.
    base::bytes_view value;    ///< Without.
};

/// Walks a bare or annotated message. Sections must stand in the order of part 3.2.
class section_reader {
public:
    explicit section_reader(base::bytes_view message) noexcept : values_(message) {}

    /// The next section; nullopt at the end and when the message is malformed.
    std::optional<section_view> next() noexcept;
    bool malformed() const noexcept { return malformed_; }

private:
    value_reader values_;
    std::uint8_t last_ = 0;
    bool malformed_ = false;
};

/// The header section's fields with their defaults. [3.2.1]
struct header_fields {
    bool durable = false;
    std::optional<std::uint8_t> priority;
    std::optional<std::uint32_t> ttl;  ///< Milliseconds.
    bool first_acquirer = false;
    std::uint32_t delivery_count = 0;
};

/// From a header section's `value`.
std::optional<header_fields> read_header(base::bytes_view value) noexcept;
/// Appends a header section.
void write_header(writer& out, const header_fields& header) noexcept;

/// The `to` of a properties section's `value`; empty when there is none. [3.2.4]
std::optional<std::string_view> read_to(base::bytes_view value) noexcept;

}  // namespace pgw::amqp
