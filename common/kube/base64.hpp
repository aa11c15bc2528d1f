// Base64 of RFC 4648 with padding. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgw::kube {

std::string encode_base64(std::string_view bytes);
/// Line breaks are passed over; anything else that is not in the alphabet, or wrong padding, is
/// nullopt.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace pgw::kube
