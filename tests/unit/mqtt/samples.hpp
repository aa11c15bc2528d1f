// Every packet with every property, as values: what round trips, truncations and fuzz seeds start
// from.
#pragma once

#include "worker/mqtt/packet.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace pgw::mqtt::samples {

struct sample {
    std::string name;
    protocol_version version;
    mqtt::packet packet;
};

/// Valid packets of all three versions. The views in them live for ever.
const std::vector<sample>& all();

/// The encoded form.
std::vector<std::byte> bytes_of(const sample& sample);

}  // namespace pgw::mqtt::samples
