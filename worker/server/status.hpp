// GET /status: what the worker says about itself, as JSON.
#pragma once

#include <string>

namespace pgw::server {

struct fleet;

/// `stage`: Starting, Ready or Draining.
std::string status_json(const fleet& fleet, const char* stage);

}  // namespace pgw::server
