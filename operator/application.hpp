// The operator process: client, watches, leader election, controller, admin HTTP; ends in order.
#pragma once

#include "common/base/log.hpp"
#include "common/kube/config.hpp"
#include "operator/controllers/protocol_gateway/poller.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pgw {

struct operator_options {
    kube::client_config cluster;
    std::vector<std::string> namespaces;  ///< Empty: all.
    std::string worker_image;
    std::string version;
    std::string lease_namespace;
    std::string lease_name = "protocolgateway-operator";
    base::milliseconds lease_duration{15'000};
    std::size_t max_concurrent_reconciles = 8;
    controllers::poller_options poll;
    base::milliseconds resync{600'000};
    std::string bind_address = "0.0.0.0";
    std::uint16_t health_port = 8081;
    std::uint16_t metrics_port = 8080;
    std::vector<std::string> hosts;  ///< See net::admin_options.
};

/// SIGTERM and SIGINT: takes no more work, waits for what is running (at most 30 s), gives the
/// lease up, ends with 0. Losing the lease ends with 1. Throws std::exception when it cannot start.
class operator_application {
public:
    operator_application(operator_options options, base::logger log);
    ~operator_application();
    int run();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw
