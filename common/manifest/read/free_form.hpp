// Objects whose fields are not ours: kept as the JSON that Kubernetes would read from the same
// YAML.
#pragma once

#include "common/manifest/read/document.hpp"

#include <boost/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace pgw::manifest {

/// The object as JSON text; empty for an empty object. Appends a problem for every scalar without
/// quotes of which YAML readers think differently, and for every key of more than 1000 characters.
std::string free_form_text(const node& object, const std::string& path, std::vector<problem>& out);

/// The value of what free_form_text wrote.
boost::json::object parse_free_form(std::string_view text);

}  // namespace pgw::manifest
