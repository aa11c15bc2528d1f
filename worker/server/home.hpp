// Where a client is at home: client id → slot → thread. Published and stable.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgw::server {

inline constexpr std::uint32_t slot_count = 1024;

/// XXH64 (seed 0) of the client id, modulo 1024.
std::uint32_t slot_of(std::string_view client_id) noexcept;

inline std::uint32_t thread_of(std::string_view client_id, std::uint32_t threads) noexcept {
    return slot_of(client_id) % threads;
}

}  // namespace pgw::server
