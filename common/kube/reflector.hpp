// List + watch of one collection, for ever: what it delivers is complete and in order.
#pragma once

#include "common/kube/client.hpp"
#include "common/kube/reflector_sink.hpp"
#include "common/kube/watch_machine.hpp"

#include <memory>
#include <string>

namespace pgw::kube {

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
