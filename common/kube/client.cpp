// Verbs as HTTP.
#include "common/kube/client.hpp"

#include "common/kube/credentials.hpp"
#include "common/kube/percent.hpp"
#include "common/kube/status.hpp"
#include "common/net/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace pgw::kube {

namespace asio = boost::asio;

namespace {

constexpr int most_repeats = 10;
constexpr std::size_t longest_event = std::size_t{8} << 20;
constexpr const char* json_type = "application/json";
constexpr const char* apply_type = "application/apply-patch+yaml";  // JSON is YAML

error transport_error(const net::http_error& failed) {
    error e;
    const bool is_stopped = failed.kind == net::http_failure::stopped;
    e.kind = is_stopped ? error_kind::stopped : error_kind::transport;
    e.message = failed.text;
    return e;
}

error malformed_error(std::string text) {
    return transport_error({net::http_failure::malformed, std::move(text)});
}

error stopped_error() {
    return transport_error({net::http_failure::stopped, "stopped"});
}

class query {
public:
    void add(std::string_view name, std::string_view value) {
        text_ += text_.empty() ? '?' : '&';
        text_ += name;
        text_ += '=';
        append_encoded(text_, value);
    }
    void add_unless_empty(std::string_view name, std::string_view value) {
        if (!value.empty()) add(name, value);
    }
    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

query write_query(const write_options& options) {
    query q;
    if (options.dry_run) q.add("dryRun", "All");
    if (options.strict) q.add("fieldValidation", "Strict");
    return q;
}

std::string text_at(const json::object& object, std::string_view outer, std::string_view inner) {
    const auto* found = object.if_contains(json::string_view(outer.data(), outer.size()));
    const auto* members = found == nullptr ? nullptr : found->if_object();
    const auto* value = members == nullptr
                            ? nullptr
                            : members->if_contains(json::string_view(inner.data(), inner.size()));
    return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                  : std::string();
}

}  // namespace

struct client::impl {
    impl(asio::io_context& context, client_config c, client_options o, const base::logger& l)
        : io(context),
          config(std::move(c)),
          options(std::move(o)),
          log(l),
          identity(context, config, l, options.credentials),
          http(context, options.max_connections) {}

    // Always a variable: g++ 12 destroys an aggregate that is made in a co_await expression twice.
    struct call {
        std::string method;
        std::string target;
        std::string content_type;
        std::string body;
        bool repeatable = true;
    };

    awaitable<result<net::http_peer>> prepare(net::http_request& request);
    awaitable<result<json::value>> send(call what);
    awaitable<result<net::http_response>> send_once(const call& what);
    awaitable<void> pause(base::milliseconds time);
    void look_at_warnings(const net::http_response& response, const call& what) const;
    void count(std::string_view method, int code) const {
        if (observer) observer(method, code);
    }

    asio::io_context& io;
    const client_config config;
    const client_options options;
    const base::logger log;
    credentials identity;
    net::http_client http;
    request_observer observer;
    bool stopped = false;
};

// Its caller waits for it and holds the request.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters)
awaitable<result<net::http_peer>> client::impl::prepare(net::http_request& request) {
    auto who = co_await identity.current();
    if (!who) co_return who.error();
    request.target.insert(0, config.path_prefix);
    request.headers.emplace_back("User-Agent", options.user_agent);
    request.headers.emplace_back("Accept", json_type);
    for (auto& header : who->headers) request.headers.push_back(std::move(header));
    co_return net::http_peer{
        config.host, config.port, who->tls, config.server_name, who->tls_generation
    };
}

// After 401 the credentials are looked at again and the request is sent once more.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-reference-coroutine-parameters): as above
awaitable<result<net::http_response>> client::impl::send_once(const call& what) {
    for (bool again = true;; again = false) {
        // Made anew each time: the headers are those of the credentials that are looked at again.
        net::http_request request;
        request.method = what.method;
        request.target = what.target;
        request.repeatable = what.repeatable;
        // Before the credentials are read: what was read later than this is newer than the refused.
        const auto begun = base::clock::now();
        auto peer = co_await prepare(request);
        if (!peer) co_return peer.error();
        if (!what.body.empty()) {
            request.headers.emplace_back("Content-Type", what.content_type);
            request.body = what.body;
        }
        net::http_limits limits;
        limits.timeout = options.timeout;
        auto answer = co_await http.request(std::move(*peer), std::move(request), limits);
        count(what.method, answer.ok() ? answer.response.status : 0);
        if (!answer.ok()) co_return transport_error(answer.error);
        if (answer.response.status != 401 || !again) co_return std::move(answer.response);
        identity.refused(begun);
    }
}

void client::impl::look_at_warnings(const net::http_response& response, const call& what) const {
    for (const auto warning : response.all("Warning")) {
        log.warn("the API server warns", {{"warning", warning}, {"target", what.target}});
    }
    if (response.status != 429) return;
    log.warn(
        "the API server throttles",
        {{"flow_schema", response.header("X-Kubernetes-PF-FlowSchema-UID")},
         {"priority_level", response.header("X-Kubernetes-PF-PriorityLevel-UID")},
         {"target", what.target}}
    );
}

awaitable<void> client::impl::pause(base::milliseconds time) {
    asio::steady_timer timer(io, time);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

awaitable<result<json::value>> client::impl::send(call what) {
    for (int repeats = 0;; ++repeats) {
        if (stopped) co_return stopped_error();
        auto response = co_await send_once(what);
        if (!response) co_return response.error();
        look_at_warnings(*response, what);
        if (response->status >= 200 && response->status < 300) {
            boost::system::error_code failed;
            auto parsed = json::parse(response->body, failed);
            if (failed) co_return malformed_error("the answer is not JSON: " + failed.message());
            co_return std::move(parsed);
        }
        auto failure =
            error_from_answer(response->status, response->body, response->header("Retry-After"));
        // Only where the server names the time. Without one it is the caller who knows whether to
        // try the same again, to read first, or to give way to another key.
        const bool may_pass = failure.code == 429 || failure.code >= 500;
        if (!may_pass || !failure.retry_after || repeats == most_repeats) co_return failure;
        co_await pause(*failure.retry_after);
    }
}

client::client(
    asio::io_context& io, client_config config, client_options options, const base::logger& log
)
    : impl_(std::make_shared<impl>(io, std::move(config), std::move(options), log)) {}

client::~client() {
    stop();
}

void client::observe(request_observer observer) {
    impl_->observer = std::move(observer);
}

void client::stop() {
    impl_->stopped = true;
    impl_->http.stop();
}

awaitable<result<json::value>> client::get(
    resource_type type, std::string ns, std::string name, std::string subresource
) {
    const auto self = impl_;
    impl::call request{"GET", object_path(type, ns, name, subresource), {}, {}, true};
    co_return co_await self->send(std::move(request));
}

awaitable<result<json::value>> client::get_path(std::string path) {
    const auto self = impl_;
    impl::call request{"GET", std::move(path), {}, {}, true};
    co_return co_await self->send(std::move(request));
}

awaitable<result<std::string>> client::list(
    resource_type type,
    std::string ns,
    list_options options,
    std::function<void(json::object&&)> on_item
) {
    const auto self = impl_;
    const auto path = collection_path(type, ns);
    std::string next;
    for (;;) {
        query q;
        q.add_unless_empty("labelSelector", options.label_selector);
        q.add_unless_empty("fieldSelector", options.field_selector);
        if (next.empty()) {
            q.add_unless_empty("resourceVersion", options.resource_version);
            // A limit beside an exact wish would go past the server's cache.
            const bool pages = options.resource_version.empty() || options.resource_version == "0";
            if (pages && options.limit > 0) q.add("limit", std::to_string(options.limit));
        } else {
            // The token holds the version; another one beside it is refused.
            q.add("limit", std::to_string(options.limit));
            q.add("continue", next);
        }
        impl::call request{"GET", path + q.text(), {}, {}, true};
        auto page = co_await self->send(std::move(request));
        if (!page) co_return page.error();
        auto* list = page->if_object();
        if (list == nullptr) co_return malformed_error("the answer is not a list");
        if (auto* items = list->if_contains("items"); items != nullptr && items->is_array()) {
            for (auto& item : items->get_array()) {
                if (item.is_object()) on_item(std::move(item.get_object()));
            }
        }
        next = text_at(*list, "metadata", "continue");
        if (next.empty()) co_return text_at(*list, "metadata", "resourceVersion");
    }
}

awaitable<result<json::value>> client::create(
    resource_type type, std::string ns, json::value object, write_options options
) {
    const auto self = impl_;
    const auto target = collection_path(type, ns) + write_query(options).text();
    // Not repeated when a kept connection breaks: the first may have made the object, and the second
    // would report that as AlreadyExists, or make another one under generateName.
    impl::call request{"POST", target, json_type, json::serialize(object), false};
    co_return co_await self->send(std::move(request));
}

awaitable<result<json::value>> client::replace(
    resource_type type, std::string ns, std::string name, json::value object, write_options options
) {
    const auto self = impl_;
    const auto target =
        object_path(type, ns, name, options.subresource) + write_query(options).text();
    impl::call request{"PUT", target, json_type, json::serialize(object), true};
    co_return co_await self->send(std::move(request));
}

awaitable<result<json::value>> client::apply(
    resource_type type, std::string ns, std::string name, json::value object, apply_options options
) {
    const auto self = impl_;
    auto q = write_query(options);
    q.add("fieldManager", options.field_manager);
    if (options.force) q.add("force", "true");
    const auto target = object_path(type, ns, name, options.subresource) + q.text();
    impl::call request{"PATCH", target, apply_type, json::serialize(object), true};
    co_return co_await self->send(std::move(request));
}

awaitable<result<json::value>> client::patch(
    resource_type type,
    std::string ns,
    std::string name,
    patch_type how,
    json::value body,
    write_options options
) {
    const auto self = impl_;
    const auto target =
        object_path(type, ns, name, options.subresource) + write_query(options).text();
    const auto* content_type =
        how == patch_type::merge ? "application/merge-patch+json" : "application/json-patch+json";
    impl::call request{"PATCH", target, content_type, json::serialize(body), true};
    co_return co_await self->send(std::move(request));
}

awaitable<result<json::value>> client::remove(
    resource_type type, std::string ns, std::string name, delete_options options
) {
    const auto self = impl_;
    json::object preconditions;
    if (!options.uid.empty()) preconditions["uid"] = options.uid;
    if (!options.resource_version.empty()) {
        preconditions["resourceVersion"] = options.resource_version;
    }
    json::object body{
        {"apiVersion", "v1"},
        {"kind", "DeleteOptions"},
        {"propagationPolicy", options.propagation},
    };
    if (!preconditions.empty()) body["preconditions"] = std::move(preconditions);
    const auto target = object_path(type, ns, name);
    impl::call request{"DELETE", target, json_type, json::serialize(body), true};
    co_return co_await self->send(std::move(request));
}

awaitable<result<void>> client::watch_stream(
    resource_type type,
    std::string ns,
    std::string query_text,
    base::milliseconds idle,
    std::function<bool(json::object&&)> on_event
) {
    const auto self = impl_;
    if (self->stopped) co_return stopped_error();
    net::http_request request;
    request.target = collection_path(type, ns) + "?" + query_text;
    const auto begun = base::clock::now();
    auto peer = co_await self->prepare(request);
    if (!peer) co_return peer.error();
    std::string line;
    std::string broken;
    // Events are lines of JSON, cut anywhere by the chunks.
    const auto on_data = [&](std::string_view data) {
        while (!data.empty()) {
            const auto end = std::min(data.find('\n'), data.size());
            line.append(data.substr(0, end));
            if (end == data.size()) break;
            data.remove_prefix(end + 1);
            if (line.empty()) continue;
            boost::system::error_code failed;
            auto event = json::parse(line, failed);
            line.clear();
            if (failed || !event.is_object()) {
                broken = "a watch event is not JSON";
                return false;
            }
            if (!on_event(std::move(event.get_object()))) return false;
        }
        // The API server takes objects of at most 3 MiB; without a bound it could fill the memory.
        if (line.size() > longest_event) broken = "a watch event is too long";
        return broken.empty();
    };
    net::stream_limits limits;
    limits.idle = idle;
    auto answer = co_await self->http.stream(std::move(*peer), std::move(request), limits, on_data);
    self->count("GET", answer.response.status);
    // Looked at first: ending the stream ourselves is not an error of the transport.
    if (!broken.empty()) co_return malformed_error(broken);
    if (!answer.ok()) co_return transport_error(answer.error);
    if (answer.response.status == 200) co_return result<void>();
    if (answer.response.status == 401) self->identity.refused(begun);
    co_return error_from_answer(
        answer.response.status, answer.response.body, answer.response.header("Retry-After")
    );
}

}  // namespace pgw::kube
