// An embedded broker of the worker, on a thread of its own so that trying it out does not distort
// what the data plane's threads do.
#pragma once

#include "common/base/byte_budget.hpp"
#include "common/base/log.hpp"
#include "common/base/metrics.hpp"
#include "common/manifest/model/gateway.hpp"

#include <cstdint>
#include <memory>

namespace pgw::server {

class embedded_broker {
public:
    /// Binds and starts; throws std::system_error when it cannot. What its peers make it keep is
    /// charged to `budget`, which outlives it.
    embedded_broker(
        const manifest::upstream& upstream,
        const std::string& address,
        base::byte_budget& budget,
        base::logger log
    );
    ~embedded_broker();

    std::uint16_t port() const noexcept;
    void register_metrics(base::metrics_registry& registry);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace pgw::server
