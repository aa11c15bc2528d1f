// Where encoders write: first into a counter that finds the sizes, then into memory of that size.
// Internal to the codec.
#pragma once

#include "common/base/bytes.hpp"
#include "worker/mqtt/errc.hpp"
#include "worker/mqtt/property_rows.hpp"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace pgw::mqtt {

constexpr std::size_t variable_integer_size(std::uint32_t value) noexcept {
    return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20'0000 ? 3 : 4;
}

/// The fields of the specification over `Sink::put(pointer, size)`, with a sticky error.
template <class Sink>
class basic_writer : public Sink {
public:
    using Sink::Sink;

    errc error() const noexcept { return error_; }
    void require(bool condition) noexcept {
        if (!condition) error_ = errc::unencodable;
    }

    void u8(std::uint8_t value) noexcept { this->put(&value, 1); }
    void u16(std::uint16_t value) noexcept {
        const std::uint8_t bytes[] = {std::uint8_t(value >> 8), std::uint8_t(value)};
        this->put(bytes, 2);
    }
    void u32(std::uint32_t value) noexcept {
        u16(std::uint16_t(value >> 16));
        u16(std::uint16_t(value));
    }
    void variable_integer(std::uint32_t value) noexcept {
        require(value <= max_variable_integer);
        for (; value >= 0x80; value >>= 7) u8(std::uint8_t(value | 0x80u));
        u8(std::uint8_t(value));
    }
    void binary(base::bytes_view data) noexcept {
        require(data.size() <= max_string_size);
        u16(std::uint16_t(data.size()));
        raw(data);
    }
    void text(std::string_view value) noexcept { binary(base::as_bytes(value)); }
    void raw(base::bytes_view data) noexcept {
        if (!data.empty()) this->put(data.data(), data.size());
    }
    void packet_id(std::uint16_t value) noexcept {
        require(value != 0);
        u16(value);
    }

    // Properties: an absent one writes nothing.
    void property(property_id id, const std::optional<bool>& value) noexcept {
        if (value) u8(std::uint8_t(id)), u8(*value ? 1 : 0);
    }
    void property(property_id id, const std::optional<std::uint8_t>& value) noexcept {
        if (value) u8(std::uint8_t(id)), u8(*value);
    }
    void property(property_id id, const std::optional<std::uint16_t>& value) noexcept {
        if (value) u8(std::uint8_t(id)), u16(*value);
    }
    void property(property_id id, const std::optional<std::uint32_t>& value) noexcept {
        if (value) u8(std::uint8_t(id)), u32(*value);
    }
    void property(property_id id, const std::optional<std::string_view>& value) noexcept {
        if (value) u8(std::uint8_t(id)), text(*value);
    }
    void property(property_id id, const std::optional<base::bytes_view>& value) noexcept {
        if (value) u8(std::uint8_t(id)), binary(*value);
    }
    void subscription_identifier(std::uint32_t value) noexcept {
        u8(std::uint8_t(property_id::subscription_identifier));
        variable_integer(value);
    }
    void properties(user_properties list) noexcept {
        for (const auto& entry : list) {
            u8(std::uint8_t(property_id::user_property));
            text(entry.key);
            text(entry.value);
        }
    }

private:
    errc error_ = errc::ok;
};

/// Counts.
class size_sink {
public:
    std::size_t size() const noexcept { return size_; }

protected:
    void put(const void*, std::size_t size) noexcept { size_ += size; }

private:
    std::size_t size_ = 0;
};

/// Writes to memory that a size_sink has measured.
class memory_sink {
public:
    explicit memory_sink(std::byte* at) noexcept : at_(at) {}

protected:
    void put(const void* data, std::size_t size) noexcept {
        std::memcpy(at_, data, size);
        at_ += size;
    }

private:
    std::byte* at_;
};

using size_writer = basic_writer<size_sink>;
using memory_writer = basic_writer<memory_sink>;

template <class Row, class Writer, class Properties>
[[gnu::always_inline]] inline void write_row(Writer& out, const Properties& from) noexcept {
    const auto& member = Row::of(from);
    if constexpr (Row::id == property_id::user_property) {
        out.properties(member);
    } else if constexpr (Row::repeats) {
        for (const auto value : member) out.subscription_identifier(value);
    } else if constexpr (Row::id == property_id::subscription_identifier) {
        if (member) out.subscription_identifier(*member);
    } else {
        out.property(Row::id, member);
    }
}

template <class Writer, class Properties, class... Rows>
void write_rows(Writer& out, const Properties& from, row_list<Properties, Rows...>) noexcept {
    (write_row<Rows>(out, from), ...);
}

/// Property length and properties, in the order of their rows.
template <class Writer, class Properties>
void write_properties(Writer& out, const Properties& properties) noexcept {
    const property_rows<Properties> rows;
    size_writer size;
    write_rows(size, properties, rows);
    out.variable_integer(std::uint32_t(size.size()));
    write_rows(out, properties, rows);
}

}  // namespace pgw::mqtt
