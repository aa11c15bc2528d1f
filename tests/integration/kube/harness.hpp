// A client of a scripted server, run by the test's own thread.
#pragma once

#include "common/kube/client.hpp"
#include "tests/support/scripted_api_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace pgw::test {

inline constexpr kube::resource_type gateways{
    "pgw.example", "v1", "protocolgateways", "ProtocolGateway"
};
inline constexpr const char* gateways_path = "/apis/pgw.example/v1/namespaces/ns/protocolgateways";

inline std::string status_body(
    int code, const std::string& reason, const std::string& details = "{}"
) {
    return R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":)" +
           std::to_string(code) + R"(,"reason":")" + reason +
           R"(","message":"said so","details":)" + details + "}";
}

inline std::string object_of(const std::string& name, const std::string& version) {
    return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("}})";
}

/// A list of objects whose names are one letter each.
inline std::string list_of(
    const std::string& names, const std::string& version, const std::string& next = {}
) {
    std::string items;
    for (const char name : names) {
        if (!items.empty()) items += ',';
        // An item's own version is larger than the list's: it must not be taken for it.
        items += object_of(std::string(1, name), "9999");
    }
    return R"({"kind":"List","metadata":{"resourceVersion":")" + version + R"(","continue":")" +
           next + R"("},"items":[)" + items + "]}";
}

inline std::string event_of(const std::string& type, const std::string& object) {
    return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

struct loop {
    boost::asio::io_context io;

    /// Runs until it holds, for 20 s at most.
    template <class Condition>
    bool run_until(Condition condition) {
        const auto end = base::clock::now() + base::seconds{20};
        while (!condition()) {
            if (base::clock::now() > end) return false;
            if (io.stopped()) io.restart();
            io.run_one_for(base::milliseconds{5});
        }
        return true;
    }
    /// Runs until nothing is left to do.
    bool run_out() {
        if (io.stopped()) io.restart();
        io.run_for(base::seconds{20});
        return io.stopped();
    }
    /// The coroutine's result.
    template <class T>
    T get(boost::asio::awaitable<T> work) {
        std::optional<T> done;
        std::exception_ptr failed;
        boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T value) {
            if (e) failed = e;
            done.emplace(std::move(value));
        });
        if (!run_until([&] { return done.has_value(); })) throw std::runtime_error("no result");
        if (failed) std::rethrow_exception(failed);
        return std::move(*done);
    }
};

inline kube::client_config config_for(const scripted_api_server& server) {
    kube::client_config config;
    config.host = "127.0.0.1";
    config.port = server.port();
    config.tls = false;
    return config;
}

}  // namespace pgw::test
