// An API server in little: it keeps objects under their paths, checks resourceVersion, and streams
// watches. On the test's io_context.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace pgw::test {

namespace asio = boost::asio;
namespace json = boost::json;

struct api_store : std::enable_shared_from_this<api_store> {
    using tcp = asio::ip::tcp;

    struct request {
        std::string method;
        std::string path;
        std::string query;
        std::string body;
    };
    struct change {
        std::string path;
        std::int64_t version;
        json::object event;
    };
    struct watcher {
        explicit watcher(asio::io_context& io) : wake(io, asio::steady_timer::time_point::max()) {}
        std::string collection;
        std::deque<json::object> events;
        asio::steady_timer wake;
    };

    explicit api_store(asio::io_context& context)
        : io(context), acceptor(context, {asio::ip::make_address("127.0.0.1"), 0}) {}

    std::uint16_t port() const { return acceptor.local_endpoint().port(); }
    void start() {
        asio::co_spawn(io, accept(shared_from_this()), [](const std::exception_ptr&) {});
    }
    void stop() {
        boost::system::error_code ignored;
        acceptor.close(ignored);
        for (auto* socket : sockets) socket->close(ignored);
        for (auto* one : watchers) one->wake.cancel();
    }
    std::vector<std::string> methods(const std::string& in_path) const {
        std::vector<std::string> found;
        for (const auto& one : seen) {
            if (one.path.find(in_path) != std::string::npos) found.push_back(one.method);
        }
        return found;
    }

    static asio::awaitable<void> accept(std::shared_ptr<api_store> self);
    static asio::awaitable<void> serve(std::shared_ptr<api_store> self, tcp::socket socket);
    static asio::awaitable<void> watch(
        std::shared_ptr<api_store> self, tcp::socket& socket, request what
    );
    static asio::awaitable<bool> read(tcp::socket& socket, std::string& buffer, request& what);
    std::pair<int, json::value> handle(const request& what);
    std::pair<int, json::value> put(const std::string& path, json::object object, const char* type);
    void tell(const std::string& path, const char* type, const json::object& object);

    asio::io_context& io;
    tcp::acceptor acceptor;
    std::map<std::string, json::object> objects;
    std::int64_t version = 100;
    std::vector<change> history;
    std::vector<request> seen;
    std::function<int(const request&)> refuse;  // A status, or 0 for the store's own answer.
    std::set<tcp::socket*> sockets;
    std::set<watcher*> watchers;
};

inline constexpr auto store_token = asio::as_tuple(asio::use_awaitable);

inline asio::awaitable<void> api_store::accept(std::shared_ptr<api_store> self) {
    for (;;) {
        auto [error, socket] = co_await self->acceptor.async_accept(store_token);
        if (error) co_return;
        asio::co_spawn(self->io, serve(self, std::move(socket)), [](const std::exception_ptr&) {});
    }
}

inline asio::awaitable<bool> api_store::read(
    tcp::socket& socket, std::string& buffer, request& what
) {
    const auto [error, length] = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(buffer), "\r\n\r\n", store_token
    );
    if (error) co_return false;
    const auto head = buffer.substr(0, length);
    buffer.erase(0, length);
    what.method = head.substr(0, head.find(' '));
    const auto from = what.method.size() + 1;
    const auto target = head.substr(from, head.find(' ', from) - from);
    what.path = target.substr(0, target.find('?'));
    what.query = target.substr(what.path.size());
    const std::string field = "\r\nContent-Length: ";
    const auto at = head.find(field);
    const auto size = at == std::string::npos ? 0 : std::stoul(head.substr(at + field.size()));
    if (buffer.size() < size) {
        const auto [failed, more] = co_await asio::async_read(
            socket,
            asio::dynamic_buffer(buffer),
            asio::transfer_exactly(size - buffer.size()),
            store_token
        );
        if (failed) co_return false;
    }
    what.body = buffer.substr(0, size);
    buffer.erase(0, size);
    co_return true;
}

inline asio::awaitable<void> api_store::serve(std::shared_ptr<api_store> self, tcp::socket socket) {
    self->sockets.insert(&socket);
    std::string buffer;
    for (;;) {
        request what;
        auto reading = read(socket, buffer, what);
        if (!co_await std::move(reading)) break;
        self->seen.push_back(what);
        if (what.query.find("watch=") != std::string::npos) {
            auto watching = watch(self, socket, what);
            co_await std::move(watching);
            break;
        }
        const auto [status, body] = self->handle(what);
        const auto text = json::serialize(body);
        const auto answer = "HTTP/1.1 " + std::to_string(status) +
                            " X\r\nContent-Type: application/json\r\nContent-Length: " +
                            std::to_string(text.size()) + "\r\n\r\n" + text;
        const auto [error, sent] =
            co_await asio::async_write(socket, asio::buffer(answer), store_token);
        if (error) break;
    }
    self->sockets.erase(&socket);
}

inline asio::awaitable<void> api_store::watch(
    std::shared_ptr<api_store> self, tcp::socket& socket, request what
) {
    watcher one(self->io);
    one.collection = what.path;
    // What happened since the list that the client knows.
    const std::string field = "resourceVersion=";
    const auto at = what.query.find(field);
    const auto since =
        at == std::string::npos ? 0 : std::stol(what.query.substr(at + field.size()));
    for (const auto& past : self->history) {
        if (past.version > since && past.path.starts_with(what.path)) {
            one.events.push_back(past.event);
        }
    }
    self->watchers.insert(&one);
    std::string out =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    while (socket.is_open()) {
        const auto [error, sent] =
            co_await asio::async_write(socket, asio::buffer(out), store_token);
        if (error) break;
        while (one.events.empty() && socket.is_open()) co_await one.wake.async_wait(store_token);
        if (one.events.empty()) break;
        const auto line = json::serialize(one.events.front()) + "\n";
        one.events.pop_front();
        std::array<char, 24> size{};
        std::snprintf(size.data(), size.size(), "%zx\r\n", line.size());
        out = size.data() + line + "\r\n";
    }
    self->watchers.erase(&one);
}

inline void api_store::tell(const std::string& path, const char* type, const json::object& object) {
    history.push_back({path, version, {{"type", type}, {"object", object}}});
    for (auto* one : watchers) {
        if (!path.starts_with(one->collection)) continue;
        one->events.push_back(history.back().event);
        one->wake.cancel();
    }
}

inline std::pair<int, json::value> api_store::put(
    const std::string& path, json::object object, const char* type
) {
    object["metadata"].as_object()["resourceVersion"] = std::to_string(++version);
    tell(path, type, object);
    objects[path] = object;
    return {200, object};
}

inline std::pair<int, json::value> api_store::handle(const request& what) {
    const auto failure = [](int code, const char* reason) {
        return std::pair<int, json::value>{
            code, {{"kind", "Status"}, {"status", "Failure"}, {"reason", reason}, {"code", code}}
        };
    };
    if (const int status = refuse ? refuse(what) : 0; status != 0) return failure(status, "");
    const auto found = objects.find(what.path);
    if (what.method == "POST") {
        auto object = json::parse(what.body).as_object();
        const auto path =
            what.path + "/" + std::string(object.at("metadata").at("name").as_string());
        if (objects.contains(path)) return failure(409, "AlreadyExists");
        return put(path, std::move(object), "ADDED");
    }
    // A name is the last of seven parts of a path in a named group.
    if (what.method == "GET" && std::count(what.path.begin(), what.path.end(), '/') == 6) {
        json::array items;
        for (const auto& [path, object] : objects) {
            if (path.rfind(what.path + "/", 0) == 0) items.emplace_back(object);
        }
        return {
            200,
            {{"kind", "List"},
             {"metadata", {{"resourceVersion", std::to_string(version)}}},
             {"items", items}}
        };
    }
    if (found == objects.end()) return failure(404, "NotFound");
    if (what.method == "GET") return {200, found->second};
    if (what.method == "DELETE") {
        auto gone = found->second;
        objects.erase(found);
        gone["metadata"].as_object()["resourceVersion"] = std::to_string(++version);
        tell(what.path, "DELETED", gone);
        return {200, gone};
    }
    auto object = json::parse(what.body).as_object();
    if (what.method == "PATCH") {
        auto merged = found->second;
        for (auto& [key, value] : object) merged[key] = value;
        return put(what.path, std::move(merged), "MODIFIED");
    }
    const auto& stored = found->second.at("metadata").at("resourceVersion");
    if (object.at("metadata").at("resourceVersion") != stored) return failure(409, "Conflict");
    return put(what.path, std::move(object), "MODIFIED");
}

}  // namespace pgw::test
