// A store, a client of it and one loop.
#pragma once

#include "common/kube/client.hpp"
#include "tests/integration/operator_runtime/api_store.hpp"

#include <gtest/gtest.h>

namespace pgw::test {

struct runtime_fixture : testing::Test {
    runtime_fixture() {
        store->start();
        kube::client_config config;
        config.host = "127.0.0.1";
        config.port = store->port();
        config.tls = false;
        kube::client_options options;
        options.user_agent = "test";
        client = std::make_unique<kube::client>(io, std::move(config), std::move(options), log);
    }
    ~runtime_fixture() override {
        client->stop();
        store->stop();
        io.restart();
        io.run_for(std::chrono::milliseconds(200));
    }
    template <class Predicate>
    bool run_until(Predicate predicate) {
        const auto end = base::clock::now() + std::chrono::seconds(20);
        while (!predicate()) {
            if (base::clock::now() > end) return false;
            io.restart();
            io.run_one_until(end);
        }
        return true;
    }

    asio::io_context io{1};
    base::logger log;
    std::shared_ptr<api_store> store = std::make_shared<api_store>(io);
    std::unique_ptr<kube::client> client;
};

}  // namespace pgw::test
