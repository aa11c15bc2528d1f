// What is said about an object in an event. Pure.
#pragma once

#include <string>

namespace pgw::runtime {

struct object_reference {
    std::string api_version;
    std::string kind;
    std::string ns;
    std::string name;
    std::string uid;
    std::string resource_version;
};

struct event {
    object_reference regarding;
    bool warning = false;
    std::string reason;  ///< CamelCase: RolloutStarted.
    std::string action;  ///< CamelCase: what was being done.
    std::string note;    ///< At most 1 kB; longer ones are cut.
};

}  // namespace pgw::runtime
