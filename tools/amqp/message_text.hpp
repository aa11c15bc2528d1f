// A received AMQP message as text: one JSON object or one readable line.
#pragma once

#include <proton/message.hpp>

#include <string>

namespace pgw::tools {

/// header, delivery_annotations, message_annotations, properties, application_properties (in
/// order), body with body_section (data | value) and body_encoding (text | base64 | json).
std::string to_json(proton::message& message);

/// subject, properties, body.
std::string to_line(proton::message& message);

}  // namespace pgw::tools
