// Which events are written, and what repeats folded into series. Pure.
#pragma once

#include "common/base/clock.hpp"
#include "operator/runtime/event.hpp"
#include "operator/runtime/micro_time.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgw::runtime {

/// One request that writes an events.k8s.io/v1 Event.
struct event_write {
    std::string ns;
    std::string name;
    /// All of it: the body of a create, also when a patch finds that the Event is gone.
    boost::json::object object;
    bool create = true;  ///< Otherwise a merge patch of `patch()`.

    boost::json::object patch() const;
};

/// Events that agree in all but note and the object's resourceVersion are one series: the first is
/// written as it is, the second at once as a series, what follows is counted and written every
/// `refresh`. After `silence` a series ends, with a last write if something was counted.
class event_aggregator {
public:
    struct options {
        std::string controller;  ///< Domain-qualified.
        std::string instance;    ///< At most 128 characters; longer ones are cut.
        base::seconds refresh{1'800};
        base::seconds silence{360};
        std::size_t max_series = 1'000;  ///< Beyond, the one that would end first ends.
    };

    explicit event_aggregator(options settings);
    ~event_aggregator();

    std::vector<event_write> on_event(const event& what, base::time_point now, wall_time wall);
    std::vector<event_write> on_time(base::time_point now);
    /// When `on_time` may have something to do.
    std::optional<base::time_point> next() const;
    std::size_t series() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// The longest part of at most `limit` bytes that ends between two characters of UTF-8.
std::string cut_text(std::string text, std::size_t limit);

}  // namespace pgw::runtime
