// rest_client_requests_total{code,method}: what the API server answered.
#pragma once

#include "common/base/metrics.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace pgw {

/// Codes appear as they are seen; the process has one thread, so a scrape never meets a
/// registration.
class request_metrics {
public:
    explicit request_metrics(base::metrics_registry& registry) : registry_(registry) {}

    void count(std::string_view method, int code) {
        const std::pair id(std::string(method), code);
        auto found = counters_.find(id);
        if (found == counters_.end()) {
            found = counters_.try_emplace(id).first;
            const auto text = code == 0 ? std::string("<error>") : std::to_string(code);
            registry_.add(
                "rest_client_requests_total",
                "Requests to the API server by method and HTTP code.",
                {{"code", text}, {"method", id.first}},
                found->second
            );
        }
        found->second.add();
    }

private:
    base::metrics_registry& registry_;
    std::map<std::pair<std::string, int>, base::counter> counters_;
};

}  // namespace pgw
