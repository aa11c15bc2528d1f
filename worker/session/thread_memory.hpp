// What the sessions of one thread share: the clients by name and the memory for decoding. Internal
// to the folder.
#pragma once

#include "worker/bridge/message.hpp"
#include "worker/mqtt/decode.hpp"
#include "worker/session/directory.hpp"

#include <map>
#include <string_view>
#include <vector>

namespace pgw::session {

struct directory::impl {
    /// The keys are the sessions' own client ids. Ordered, not hashed: devices choose the keys.
    std::map<std::string_view, client_session*> by_id;
    mqtt::decode_buffers buffers;
    std::vector<bridge::property> properties;
};

}  // namespace pgw::session
