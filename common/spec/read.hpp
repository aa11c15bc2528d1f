// Manifest text → spec::gateway, with every problem at once.
#pragma once

#include "common/spec/gateway.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgw::spec {

/// One thing that is wrong, and where: `spec.listeners[0].port: 70000 is not in 1..65535 (line 7)`.
struct problem {
    std::string path;
    std::string text;
    int line = 0;    ///< 1-based; 0 where there is none.
    int column = 0;  ///< 1-based; 0 where there is none.
};

/// `path: text (line l, column c)`.
std::string to_string(const problem& problem);

using read_result = std::variant<gateway, std::vector<problem>>;

/// Reads YAML (JSON is YAML). At most 1 MiB and 100,000 nodes; aliases and anchors are refused;
/// unknown fields are errors. Never throws.
read_result read_manifest(std::string_view text);

/// The rules that span fields: names that resolve, templates that parse, addresses that the profile
/// can serve. Called by read_manifest.
std::vector<problem> validate(const gateway& gateway);

/// The effective manifest with all defaults written out, as YAML. It holds no secrets: the spec
/// only refers to them.
std::string print_manifest(const gateway& gateway);

/// The same as JSON, for /config.
std::string print_manifest_json(const gateway& gateway);

}  // namespace pgw::spec
