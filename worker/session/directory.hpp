// What the sessions of one thread share: the directory of clients and the memory for decoding.
// Internal to the folder.
#pragma once

#include "worker/session/session.hpp"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace pgw::session {

struct directory::impl {
    /// The keys are the sessions' own client ids.
    std::unordered_map<std::string_view, client_session*> by_id;
    mqtt::decode_buffers buffers;
    std::vector<bridge::property> properties;
};

}  // namespace pgw::session
