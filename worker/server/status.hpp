// What /status says: a summary for people and for the operator.
#pragma once

#include "worker/server/secret_watch.hpp"

#include <string>
#include <vector>

namespace pgw::server {

struct fleet;

/// What the threads do not know.
struct status_facts {
    const char* stage;
    const std::string& revision;
    const std::string& config_hash;
    const std::string& config_problem;  ///< Empty: none.
    const std::vector<secret_problem>& missing;
};

/// JSON. Main thread.
std::string status_json(const fleet& fleet, const status_facts& facts);

}  // namespace pgw::server
