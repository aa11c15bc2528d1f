// What the server sends in lists and watches, taken apart. Pure.
#pragma once

#include "common/kube/error.hpp"
#include "common/kube/resource.hpp"
#include "common/kube/watch_machine.hpp"

#include <boost/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace pgw::kube {

namespace json = boost::json;

struct watch_event {
    std::string type;              ///< ADDED, MODIFIED, DELETED, BOOKMARK, ERROR.
    std::string resource_version;  ///< Of the object; may be empty.
    json::object object;           ///< Of an ERROR it is a Status.
    std::optional<error> status;   ///< What the object of an ERROR says.
};

/// Any object: what is no event becomes an ERROR, so that the stream ends before anything is lost.
watch_event decode_watch_event(json::object&& event);

/// The error that a Status stands for. `code` counts where the Status has none.
error decode_status(const json::object& status, int code = 0);

/// Items of a typed list do not say what they are; single objects do.
void complete_listed_object(json::object& object, const resource_type& type);

/// The query of a watch request. Selectors are empty or as in the API.
std::string watch_query(
    const watch_action& action, std::string_view label_selector, std::string_view field_selector
);

}  // namespace pgw::kube
