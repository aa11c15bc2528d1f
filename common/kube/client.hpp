// A Kubernetes API client: typed errors, one call a verb. Coroutines on one io_context.
#pragma once

#include "common/base/log.hpp"
#include "common/kube/config.hpp"
#include "common/kube/credentials.hpp"
#include "common/kube/error.hpp"
#include "common/kube/resource.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace pgw::kube {

template <class T>
using awaitable = boost::asio::awaitable<T>;
namespace json = boost::json;

struct client_options {
    std::string user_agent;              ///< Stands in the audit log.
    std::size_t max_connections = 8;     ///< For unary requests; callers wait for a free one.
    base::milliseconds timeout{30'000};  ///< Of one unary request, retries excluded.
    credential_timing credentials;
};

struct write_options {
    std::string subresource;  ///< `status`, `scale` or empty.
    bool dry_run = false;
    bool strict = false;  ///< fieldValidation=Strict: unknown fields are errors.
};

struct apply_options : write_options {
    std::string field_manager;
    bool force = true;
};

struct delete_options {
    std::string uid;               ///< Precondition; empty: none.
    std::string resource_version;  ///< Precondition; empty: none.
    std::string propagation = "Background";
};

struct list_options {
    std::string label_selector;
    std::string field_selector;
    std::string resource_version;  ///< As in the API: "" is a quorum read, "0" any version.
    std::size_t limit =
        500;  ///< Page size; not sent with a non-empty resource_version other than "0".
};

enum class patch_type : std::uint8_t { merge, json };

/// Counts for `rest_client_requests_total{code, method}`.
using request_observer = std::function<void(std::string_view method, int code)>;

/// All members are called on the io_context's one thread. A request that is answered 429 or 5xx
/// with Retry-After is repeated at most 10 times; everything else is the caller's to repeat. After
/// 401 the credentials are read again and the request is sent once more. Cancelling the awaiting
/// coroutine ends the request.
class client {
public:
    client(
        boost::asio::io_context& io,
        client_config config,
        client_options options,
        const base::logger& log
    );
    ~client();
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    void observe(request_observer observer);

    awaitable<result<json::value>> get(
        resource_type type, std::string ns, std::string name, std::string subresource = {}
    );
    /// Calls `on_item` for every object of every page; returns the list's resourceVersion. When the
    /// continue token expires midway the result is `expired`.
    awaitable<result<std::string>> list(
        resource_type type,
        std::string ns,
        list_options options,
        std::function<void(json::object&&)> on_item
    );
    awaitable<result<json::value>> create(
        resource_type type, std::string ns, json::value object, write_options options = {}
    );
    /// PUT. The object holds the resourceVersion that it replaces.
    awaitable<result<json::value>> replace(
        resource_type type,
        std::string ns,
        std::string name,
        json::value object,
        write_options options = {}
    );
    /// Server-side apply.
    awaitable<result<json::value>> apply(
        resource_type type,
        std::string ns,
        std::string name,
        json::value object,
        apply_options options
    );
    awaitable<result<json::value>> patch(
        resource_type type,
        std::string ns,
        std::string name,
        patch_type how,
        json::value body,
        write_options options = {}
    );
    /// Accepted, not done: the object may live on until finalizers and propagation are through.
    awaitable<result<json::value>> remove(
        resource_type type, std::string ns, std::string name, delete_options options = {}
    );
    /// A plain GET of any path, such as `/version` or discovery's `/apis/<group>/<version>`.
    awaitable<result<json::value>> get_path(std::string path);

    /// One watch request: calls `on_line` for every event as it stands in the stream. Returns when
    /// the stream ends: success for a clean end. `idle` is how long silence may last. Runs on a
    /// connection of its own.
    awaitable<result<void>> watch_stream(
        resource_type type,
        std::string ns,
        std::string query,
        base::milliseconds idle,
        std::function<bool(json::object&&)> on_event  ///< false ends the stream.
    );

    /// Ends every request with `stopped`, and every later one too.
    void stop();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace pgw::kube
