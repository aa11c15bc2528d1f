// The core's vocabulary: a message from a device and what became of it. It speaks no device
// protocol; an adapter (MQTT is the first) maps its packets to a message and the result to its
// answers.
#pragma once

#include "common/base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pgw::bridge {

/// What the sender was promised about delivery.
enum class assurance : std::uint8_t { at_most_once, at_least_once, exactly_once };

enum class payload_format : std::uint8_t { unspecified, binary, utf8 };

/// A user property. The order and the duplicates of a message's properties are kept.
struct property {
    std::string_view key;
    std::string_view value;
};

/// One publication. Every view belongs to the caller and is valid for the call only.
struct message {
    std::string_view topic;  ///< Valid UTF-8 without U+0000, not empty.
    base::bytes_view payload;
    bridge::assurance assurance = bridge::assurance::at_most_once;
    bool retain = false;
    bool duplicate = false;
    payload_format format = payload_format::unspecified;
    std::optional<std::uint32_t> expiry_seconds;
    std::optional<std::string_view> content_type;
    std::optional<std::string_view> response_topic;
    std::optional<base::bytes_view> correlation_data;
    std::span<const property> properties;
};

enum class result_class : std::uint8_t {
    accepted,  ///< The upstream took responsibility (or, for at_most_once, the message left).
    refused,   ///< It never will be taken as it is.
    retry,     ///< Not taken in time; the device may try again.
    expired,   ///< Its expiry passed before the upstream took it.
};

/// Why a message was refused; adapters map it to their own codes.
enum class refusal : std::uint8_t {
    none,
    unspecified,
    implementation,  ///< Forbidden by the upstream's own rules.
    not_authorized,
    no_route,        ///< No route matches, or the upstream has no such node.
    quota,           ///< Too large, or over a limit.
    payload_format,  ///< The upstream could not decode it.
};

/// What an adapter must do when its protocol cannot tell the sender of a refusal.
enum class silent_refusal : std::uint8_t {
    disconnect,   ///< Close the connection instead of acknowledging.
    acknowledge,  ///< The route said Discard, or the dead letter was accepted.
};

struct result {
    result_class kind = result_class::accepted;
    bridge::refusal refusal = refusal::none;
    silent_refusal silent = silent_refusal::disconnect;
    std::string_view text;  ///< For the sender, such as the AMQP condition. Valid for the call.
};

/// Who sends: copied into the stream when it opens.
struct client_info {
    std::string client_id;
    std::string identity;   ///< Proved by an authenticator; empty: anonymous.
    std::string user_name;  ///< As claimed, unverified.
    std::string listener;
};

}  // namespace pgw::bridge
