// Who gets what a reflector sees. Pure.
#pragma once

#include <boost/json.hpp>

namespace pgw::kube {

namespace json = boost::json;

/// Called on the client's thread. Between `on_list_begin` and `on_list_end` stands the whole
/// collection; what was known before and is not listed no longer exists. A list that fails midway
/// is begun anew: then `on_list_begin` comes again and what was listed since the first does not
/// count. Every object has its apiVersion and kind. Bookmarks are not seen. An exception ends the
/// run of the io_context with it.
class reflector_sink {
public:
    virtual ~reflector_sink() = default;
    virtual void on_list_begin() = 0;
    virtual void on_listed(json::object&& object) = 0;
    virtual void on_list_end() = 0;
    virtual void on_changed(json::object&& object) = 0;  ///< Added or modified.
    virtual void on_removed(json::object&& object) = 0;
};

}  // namespace pgw::kube
