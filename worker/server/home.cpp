// The slot function.
#include "worker/server/home.hpp"

#include <xxhash.h>

namespace pgw::server {

std::uint32_t slot_of(std::string_view client_id) noexcept {
    return static_cast<std::uint32_t>(XXH64(client_id.data(), client_id.size(), 0) % slot_count);
}

}  // namespace pgw::server
