// What a worker says about itself at GET /status.
#pragma once

#include "common/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgw::controllers {

struct upstream_report {
    std::string name;
    bool routed = false;  ///< A route uses it.
    bool reachable = false;
    std::string error;
};

struct missing_reference {
    std::string path;  ///< `spec.listeners[0].tls.secretRef`.
    std::string text;  ///< A sentence.
};

struct worker_report {
    std::string version;
    std::string revision;
    std::string config_hash;
    std::string config_problem;
    std::int64_t clients = 0;
    std::vector<upstream_report> upstreams;
    std::vector<missing_reference> missing;
    std::int64_t earliest_certificate_expiry = 0;  ///< Seconds since the epoch; 0: none.

    /// nullopt: no routed upstream. True: every routed upstream is reachable.
    std::optional<bool> upstreams_reachable() const;
    bool operator==(const worker_report&) const = default;
};
inline bool operator==(const upstream_report& a, const upstream_report& b) {
    return a.name == b.name && a.routed == b.routed && a.reachable == b.reachable &&
           a.error == b.error;
}
inline bool operator==(const missing_reference& a, const missing_reference& b) {
    return a.path == b.path && a.text == b.text;
}

/// nullopt: not a worker's status. Bounded: at most 64 upstreams and 64 missing references are
/// kept.
std::optional<worker_report> parse_report(std::string_view text);

}  // namespace pgw::controllers
