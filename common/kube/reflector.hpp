// List + watch of one collection, for ever: what it delivers is complete and in order.
#pragma once

#include "common/kube/client.hpp"
#include "common/kube/watch_machine.hpp"

#include <memory>
#include <string>

namespace pgw::kube {

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

struct reflector_options {
    resource_type type;
    std::string ns;  ///< Empty: all namespaces.
    std::string label_selector;
    std::string field_selector;
    watch_timing timing;
};

/// Decisions are those of `watch_machine` (pure); this drives it with a client, a timer and
/// randomness. Errors are logged and retried with backoff; a 403 is logged loudly and retried,
/// since RBAC may come later. All members are called on the client's thread; client and sink must
/// live until stop().
class reflector {
public:
    reflector(
        boost::asio::io_context& io,  ///< The client's.
        client& client,
        reflector_options options,
        reflector_sink& sink,
        const base::logger& log
    );
    ~reflector();

    void start();
    void stop();                   ///< No call of the sink after it returns.
    bool synced() const noexcept;  ///< Whether on_list_end was called once.

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::kube
